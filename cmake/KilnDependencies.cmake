# Third-party libraries, all of them Debian packages (scripts/install.sh).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(re2 QUIET CONFIG)
if(NOT TARGET re2::re2)
  pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
  add_library(re2::re2 ALIAS PkgConfig::re2)
endif()
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)

# The picture formats that the operator ImageDecoder and the command line read.
foreach(codec libturbojpeg libpng libwebp libtiff-4 libopenjp2)
  pkg_check_modules(${codec} REQUIRED IMPORTED_TARGET ${codec})
endforeach()
add_library(kiln_images INTERFACE)
target_link_libraries(kiln_images INTERFACE PkgConfig::libturbojpeg PkgConfig::libpng PkgConfig::libwebp
                                            PkgConfig::libtiff-4 PkgConfig::libopenjp2)

# Letters that are drawn into pictures.
pkg_check_modules(freetype2 REQUIRED IMPORTED_TARGET freetype2)
add_library(kiln_fonts INTERFACE)
target_link_libraries(kiln_fonts INTERFACE PkgConfig::freetype2)

target_include_directories(kiln_options SYSTEM INTERFACE ${PROTOZERO_INCLUDE_DIR})
target_link_libraries(kiln_options INTERFACE fmt::fmt Threads::Threads)
