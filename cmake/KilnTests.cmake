# tests/<room>/*_test.cpp make one GoogleTest program test_<room> in build/tests/, registered with ctest by its name.
find_package(GTest REQUIRED)
find_path(RAPIDCHECK_INCLUDE_DIR rapidcheck.h REQUIRED)
find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)

add_custom_target(kiln_tests)
file(GLOB test_sources RELATIVE ${CMAKE_SOURCE_DIR}/tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*/*_test.cpp)
set(test_rooms)
foreach(source ${test_sources})
  get_filename_component(room ${source} DIRECTORY)
  list(APPEND test_rooms ${room})
  list(APPEND test_sources_${room} ${CMAKE_SOURCE_DIR}/tests/${source})
endforeach()
list(REMOVE_DUPLICATES test_rooms)

foreach(room ${test_rooms})
  add_executable(test_${room} ${test_sources_${room}})
  set_target_properties(test_${room} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(test_${room} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_include_directories(test_${room} SYSTEM PRIVATE ${RAPIDCHECK_INCLUDE_DIR})
  target_compile_definitions(test_${room} PRIVATE KILN_TESTS_DIR="${CMAKE_SOURCE_DIR}/tests")
  target_link_libraries(test_${room} PRIVATE kiln_options kiln nlohmann_json::nlohmann_json ZLIB::ZLIB GTest::gtest
                                             GTest::gtest_main ${RAPIDCHECK_LIBRARY})
  kiln_headers_once(test_${room} tests ${CMAKE_SOURCE_DIR}/cmake/headers.hpp <gtest/gtest.h>)
  if(room STREQUAL vision)
    target_link_libraries(test_${room} PRIVATE kiln_vision)
  endif()
  add_test(NAME ${room} COMMAND test_${room} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${room} PROPERTIES TIMEOUT 900)
  add_dependencies(kiln_tests test_${room})
endforeach()

# The mutator of tests/fuzz/, which tests/fuzz/test_mutations.py runs.
add_executable(kiln_mutate ${CMAKE_SOURCE_DIR}/tests/fuzz/mutate_main.cpp)
set_target_properties(kiln_mutate PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_include_directories(kiln_mutate PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(kiln_mutate PRIVATE kiln_options kiln)
add_dependencies(kiln_tests kiln_mutate)

# The programs of examples/vision, which tests/vision/test_examples.py runs.
file(GLOB example_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/examples/vision/*.cpp)
foreach(source ${example_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  set_target_properties(example_${name} PROPERTIES OUTPUT_NAME ${name}
                                                   RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/examples)
  target_link_libraries(example_${name} PRIVATE kiln_options kiln_vision)
  add_dependencies(kiln_tests example_${name})
endforeach()
