# libkiln_onednn, whose tactics are made of oneDNN's primitives. It is loaded by engines that chose one of them, and by
# builds; nothing else links oneDNN.
find_path(DNNL_INCLUDE_DIR dnnl.hpp)
find_library(DNNL_LIBRARY dnnl)
set(dnnl_version 0)
if(DNNL_INCLUDE_DIR AND EXISTS ${DNNL_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h)
  file(STRINGS ${DNNL_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h dnnl_lines REGEX "define DNNL_VERSION_(MAJOR|MINOR) ")
  string(REGEX MATCHALL "[0-9]+" dnnl_numbers "${dnnl_lines}")
  list(JOIN dnnl_numbers "." dnnl_version)
endif()
if(NOT DNNL_LIBRARY OR dnnl_version VERSION_LESS 2.6 OR NOT dnnl_version VERSION_LESS 3)
  message(STATUS "Kiln is built without oneDNN's tactics: they need oneDNN 2.6 or a later 2.x (Debian: libdnnl-dev)")
  return()
endif()

kiln_room_sources(onednn_sources backends/onednn)
add_library(kiln_onednn SHARED ${onednn_sources})
target_include_directories(kiln_onednn SYSTEM PRIVATE ${DNNL_INCLUDE_DIR})
target_link_libraries(kiln_onednn PRIVATE kiln_options kiln_runtime ${DNNL_LIBRARY} ${CMAKE_DL_LIBS})
