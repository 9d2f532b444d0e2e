# kiln_room_sources(OUT room...): all sources of these rooms, found anew at each build, so that a new file needs no
# line here. A file whose name ends in an instruction set (conv/winograd_avx512.cpp) is compiled for it; all else is
# plain x86-64, so that the library loads anywhere.
set(kiln_flags_avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2)
set(kiln_flags_avx512 ${kiln_flags_avx2} -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl)
set(kiln_flags_vnni ${kiln_flags_avx512} -mavx512vnni)
set(kiln_flags_bf16 ${kiln_flags_vnni} -mavx512bf16)
set(kiln_flags_amx ${kiln_flags_bf16} -mamx-tile -mamx-int8 -mamx-bf16)

function(kiln_room_sources out)
  set(sources)
  foreach(room ${ARGN})
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  foreach(isa avx2 avx512 vnni bf16 amx)
    set(of_isa ${sources})
    list(FILTER of_isa INCLUDE REGEX "_${isa}\\.cpp$")
    set_source_files_properties(${of_isa} PROPERTIES COMPILE_OPTIONS "${kiln_flags_${isa}}")
  endforeach()
  # Reference code is the larger half of the library and is there to be right: a release makes it small, not fast. No
  # other code does the classical models of ops/ml.
  if(CMAKE_BUILD_TYPE STREQUAL Release)
    set(of_ops ${sources})
    list(FILTER of_ops INCLUDE REGEX "/src/ops/")
    list(FILTER of_ops EXCLUDE REGEX "/src/ops/ml/")
    set_source_files_properties(${of_ops} PROPERTIES COMPILE_OPTIONS -Os)
  endif()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()
