# kiln_room(ROOM [BATCHES n] [EXCLUDE regex] [ALONE regex] [OPTIMISE flag] [HEADERS header...] [LIBRARIES library...])
#
# The object library of all sources of a room, found anew at each build, so that a new file needs no line here. A file
# whose name ends in an instruction set (conv/winograd_avx512.cpp) is compiled for it; all else is plain x86-64, so that
# the library loads anywhere. A release optimises with OPTIMISE instead of -O2.
#
# Small sources cost a compiler mostly the headers that all of them read. So those of the standard library
# (cmake/headers.hpp) and the HEADERS are read once, and the sources of a room go to the compiler in n batches, but for
# those that match ALONE. A source's batch follows from its name, so that a new file leaves the other batches as they
# are. No source may rely on either: it includes what it uses, and scripts/lint.sh looks at each by itself.
set(kiln_flags_avx2 -mavx2 -mfma -mf16c -mbmi -mbmi2)
set(kiln_flags_avx512 ${kiln_flags_avx2} -mavx512f -mavx512bw -mavx512cd -mavx512dq -mavx512vl)
set(kiln_flags_vnni ${kiln_flags_avx512} -mavx512vnni)
set(kiln_flags_bf16 ${kiln_flags_vnni} -mavx512bf16)
set(kiln_flags_amx ${kiln_flags_bf16} -mamx-tile -mamx-int8 -mamx-bf16)

# kiln_room_target(OUT ROOM): the name of a room's object library.
function(kiln_room_target out room)
  string(REPLACE / _ name ${room})
  set(${out} kiln_room_${name} PARENT_SCOPE)
endfunction()

# kiln_headers_once(TARGET KEY HEADER...): the target's sources get these headers, which the first target with this key
# reads for all. Its flags must be the same for all of them, but for -O1 and -O2.
function(kiln_headers_once target key)
  get_property(owner GLOBAL PROPERTY kiln_headers_${key})
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
  else()
    target_precompile_headers(${target} PRIVATE ${ARGN})
    set_property(GLOBAL PROPERTY kiln_headers_${key} ${target})
  endif()
endfunction()

# kiln_batches(TARGET COUNT SOURCE...)
function(kiln_batches target count)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  foreach(source ${ARGN})
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${source})
    string(MD5 hash ${name})
    string(SUBSTRING ${hash} 0 6 hash)
    math(EXPR batch "0x${hash} % ${count}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${batch})
  endforeach()
endfunction()

function(kiln_room room)
  cmake_parse_arguments(arg "" "BATCHES;EXCLUDE;ALONE;OPTIMISE" "HEADERS;LIBRARIES" ${ARGN})
  kiln_room_target(target ${room})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${room}/*.cpp)
  if(arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${arg_EXCLUDE})
  endif()

  foreach(isa avx2 avx512 vnni bf16 amx)
    set(of_isa ${sources})
    list(FILTER of_isa INCLUDE REGEX "_${isa}\\.cpp$")
    if(of_isa)
      list(REMOVE_ITEM sources ${of_isa})
      add_library(${target}_${isa} OBJECT ${of_isa})
      target_link_libraries(${target}_${isa} PRIVATE kiln_options)
      target_compile_options(${target}_${isa} PRIVATE ${kiln_flags_${isa}})
      # What the undefined behaviour sanitizer would look at is looked at in the same templates made portable; here it
      # would take a compiler minutes for a file.
      if(KILN_SANITIZE MATCHES "undefined")
        target_compile_options(${target}_${isa} PRIVATE -fno-sanitize=undefined)
      endif()
      # Where GCC has read it before, it warns of what its header for AVX-512 leaves unset on purpose.
      if(isa STREQUAL avx2)
        kiln_headers_once(${target}_${isa} ${isa} <immintrin.h>)
      endif()
      set_property(GLOBAL APPEND PROPERTY ${target}_parts ${target}_${isa})
    endif()
  endforeach()

  add_library(${target} OBJECT ${sources})
  set_property(GLOBAL APPEND PROPERTY ${target}_parts ${target})
  target_link_libraries(${target} PRIVATE kiln_options ${arg_LIBRARIES})
  if(KILN_FUZZ)  # a fuzzer follows which ways are taken; kernels of instruction sets take all of theirs at once
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
  if(arg_OPTIMISE AND CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_options(${target} PRIVATE ${arg_OPTIMISE})
  endif()
  string(REPLACE -O1 "" flags "${arg_OPTIMISE}")
  string(MD5 key "${flags}${arg_HEADERS}")
  kiln_headers_once(${target} ${key} ${CMAKE_SOURCE_DIR}/cmake/headers.hpp ${arg_HEADERS})
  if(arg_BATCHES AND KILN_BATCHES)
    if(arg_ALONE)
      list(FILTER sources EXCLUDE REGEX ${arg_ALONE})
    endif()
    kiln_batches(${target} ${arg_BATCHES} ${sources})
  endif()
endfunction()

# kiln_objects(OUT ROOM...): the object files of these rooms.
function(kiln_objects out)
  set(objects)
  foreach(room ${ARGN})
    kiln_room_target(target ${room})
    get_property(parts GLOBAL PROPERTY ${target}_parts)
    list(TRANSFORM parts REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
    list(APPEND objects ${parts})
  endforeach()
  set(${out} ${objects} PARENT_SCOPE)
endfunction()
