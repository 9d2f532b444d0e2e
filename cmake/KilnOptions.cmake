# What can be switched, and the flags that all of Kiln's own code is compiled with.
option(KILN_CLI "Build the command line program" ON)
option(KILN_PYTHON "Build the Python package" ON)
option(KILN_TESTS "Build the tests" ON)
option(KILN_BENCH "Build the micro-benchmarks (needs Google Benchmark)" OFF)
option(KILN_FUZZ "Build the fuzz targets (needs clang)" OFF)
option(KILN_BATCHES "Compile small sources of a room together; off, each by itself" ON)
option(KILN_ONEDNN "Build the tactics on oneDNN, where it is installed" ON)
option(KILN_WERROR "Treat warnings as errors" OFF)
set(KILN_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})

include(GNUInstallDirs)
if(NOT SKBUILD)
  set(CMAKE_INSTALL_RPATH "$ORIGIN;$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(kiln_options INTERFACE)
target_include_directories(kiln_options INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(kiln_options INTERFACE KILN_VERSION="${PROJECT_VERSION}")
target_compile_options(kiln_options INTERFACE
                       -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers
                       -fno-math-errno -ffp-contract=off
                       $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)
# Headers that are read once are for ccache as any other.
if(NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
  target_compile_options(kiln_options INTERFACE
                         $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                         "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
endif()
if(KILN_WERROR)
  target_compile_options(kiln_options INTERFACE -Werror)
endif()

# A symbol that nobody defines is an error of the link, not of the first run.
if(NOT KILN_SANITIZE AND NOT KILN_FUZZ)
  string(APPEND CMAKE_SHARED_LINKER_FLAGS " -Wl,--no-undefined")
endif()

# Libraries bind the calls of their own functions when they are linked, and those of others' when they are loaded: found
# one by one at the first call, they would take a twentieth of the first run of a small network.
if(NOT KILN_SANITIZE)
  string(APPEND CMAKE_SHARED_LINKER_FLAGS " -Wl,-Bsymbolic-functions -Wl,-z,now")
endif()

# Sanitizers go on everything, third-party glue such as nanobind's included.
if(KILN_SANITIZE)
  add_compile_options(-fsanitize=${KILN_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KILN_SANITIZE})
  if(KILN_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND KILN_SANITIZE MATCHES "address")
    # A library of its own, so that it can be loaded into a program that is not built with it, as Python is.
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libclang_rt.asan-x86_64.so
                    OUTPUT_VARIABLE asan_runtime OUTPUT_STRIP_TRAILING_WHITESPACE)
    get_filename_component(asan_folder ${asan_runtime} DIRECTORY)
    add_link_options(-shared-libsan -Wl,-rpath,${asan_folder})
  elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # A test that counts what is allocated has operators new and delete of its own, before those of the runtime.
    add_link_options(-Wl,--allow-multiple-definition)
  endif()
endif()

# A faster linker where there is one.
include(CheckLinkerFlag)
foreach(linker mold lld)
  check_linker_flag(CXX -fuse-ld=${linker} KILN_HAS_${linker})
  if(KILN_HAS_${linker})
    add_link_options(-fuse-ld=${linker})
    break()
  endif()
endforeach()
