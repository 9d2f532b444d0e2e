# bench/micro/NAME.cpp makes the Google Benchmark program build/bench/NAME.
find_package(benchmark REQUIRED)

add_custom_target(kiln_bench)
file(GLOB bench_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/micro/*.cpp)
foreach(source ${bench_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(bench_${name} ${source})
  set_target_properties(bench_${name} PROPERTIES OUTPUT_NAME ${name}
                                                 RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(bench_${name} PRIVATE kiln_options kiln_vision benchmark::benchmark_main)
  add_dependencies(kiln_bench bench_${name})
endforeach()
