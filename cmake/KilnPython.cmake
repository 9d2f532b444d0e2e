# The module kiln._kiln, with the Python files of python/kiln/ beside it in build/python/kiln/ (links, so that an edit
# needs no build).
if(NOT SKBUILD AND NOT Python_EXECUTABLE AND EXISTS ${CMAKE_SOURCE_DIR}/.venv/bin/python)
  set(Python_EXECUTABLE ${CMAKE_SOURCE_DIR}/.venv/bin/python)
endif()
set(python_module Development.Module)
if(SKBUILD)
  list(APPEND python_module ${SKBUILD_SABI_COMPONENT})
endif()
find_package(Python 3.9 REQUIRED COMPONENTS Interpreter ${python_module})

execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir OUTPUT_STRIP_TRAILING_WHITESPACE
                OUTPUT_VARIABLE nanobind_ROOT ERROR_QUIET)
if(NOT nanobind_ROOT)
  message(WARNING "${Python_EXECUTABLE} has no nanobind: the Python package is not built (scripts/install.sh)")
  return()
endif()
find_package(nanobind CONFIG REQUIRED)

file(GLOB python_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/src/*.cpp)
if(NOT python_sources)
  return()
endif()

set(python_dir ${CMAKE_BINARY_DIR}/python/kiln)
nanobind_add_module(_kiln STABLE_ABI NB_STATIC NOMINSIZE ${python_sources})
set_target_properties(_kiln PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${python_dir} INSTALL_RPATH "$ORIGIN")
target_link_libraries(_kiln PRIVATE kiln_options kiln)
# kiln.vision is a module of its own, so that importing kiln loads no fonts and codecs.
nanobind_add_module(_vision STABLE_ABI NB_STATIC NOMINSIZE ${CMAKE_SOURCE_DIR}/python/src/vision/vision_module.cpp)
set_target_properties(_vision PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${python_dir} INSTALL_RPATH "$ORIGIN")
target_link_libraries(_vision PRIVATE kiln_options kiln_vision)
foreach(module _kiln _vision)
  target_compile_options(${module} PRIVATE -Wno-shadow)  # nanobind's own headers shadow
endforeach()

file(GLOB_RECURSE python_files RELATIVE ${CMAKE_SOURCE_DIR}/python/kiln CONFIGURE_DEPENDS
     ${CMAKE_SOURCE_DIR}/python/kiln/*.py ${CMAKE_SOURCE_DIR}/python/kiln/*.pyi
     ${CMAKE_SOURCE_DIR}/python/kiln/py.typed)
foreach(file ${python_files})
  get_filename_component(folder ${file} DIRECTORY)
  file(MAKE_DIRECTORY ${python_dir}/${folder})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/python/kiln/${file} ${python_dir}/${file} SYMBOLIC)
endforeach()
