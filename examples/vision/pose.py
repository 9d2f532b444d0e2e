"""pose.py DETECTOR POSE_NETWORK PICTURE: finds people and their joints."""
import sys

import kiln.vision

pose = kiln.vision.Pose(sys.argv[2], kiln.vision.Detector(sys.argv[1]))
for person in pose.find(sys.argv[3]):
    for i, (x, y, z, score) in enumerate(person.joints):
        print(f"{pose.name_of(i)} {score:.2f}: {x:.1f},{y:.1f}")
