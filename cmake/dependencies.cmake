# Third-party libraries, all from Debian packages (deploy/build-deps.txt). Each is linked by the one
# room that wraps it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(tl-expected REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
foreach(pair re2:RE2 libmicrohttpd:MICROHTTPD gnutls:GNUTLS libcrypt:CRYPT libcurl:CURL snappy:SNAPPY libzstd:ZSTD libdeflate:DEFLATE zlib:ZLIB
        sqlite3:SQLITE libargon2:ARGON2 libxxhash:XXHASH libcares:CARES)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 module)
  list(GET pair 1 name)
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()
if(SLURMSCOPE_TESTS OR SLURMSCOPE_FUZZ)
  find_package(GTest REQUIRED)
endif()
if(SLURMSCOPE_BENCH)
  find_package(benchmark REQUIRED)
endif()

# A program with the property SLURMSCOPE_FEW_LIBRARIES has these in itself: each library that is loaded takes time and memory, which
# counts where a program runs on every node. GnuTLS stays a library, loaded when it is needed (src/http/late_gnutls.cc).
set(few $<BOOL:$<TARGET_PROPERTY:SLURMSCOPE_FEW_LIBRARIES>>)
foreach(pair RE2:re2 MICROHTTPD:microhttpd CRYPT:crypt ZSTD:zstd DEFLATE:deflate ZLIB:z XXHASH:xxhash)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 name)
  list(GET pair 1 library)
  find_library(${name}_ARCHIVE lib${library}.a REQUIRED)
  get_target_property(shared PkgConfig::${name} INTERFACE_LINK_LIBRARIES)
  list(LENGTH shared needed)
  if(needed GREATER 1)  # and so would the archive need them
    continue()
  endif()
  set_property(TARGET PkgConfig::${name} PROPERTY INTERFACE_LINK_LIBRARIES "$<IF:${few},${${name}_ARCHIVE},${shared}>")
endforeach()
find_library(YAML_CPP_ARCHIVE libyaml-cpp.a REQUIRED)
add_library(yaml_cpp_library INTERFACE)
target_link_libraries(yaml_cpp_library INTERFACE "$<IF:${few},${YAML_CPP_ARCHIVE},yaml-cpp>")

# Makes a program one of few libraries.
function(slurmscope_few_libraries target)
  set_target_properties(${target} PROPERTIES SLURMSCOPE_FEW_LIBRARIES ON)
  file(STRINGS ${CMAKE_SOURCE_DIR}/src/http/late_gnutls.cc late REGEX "^(LATE_[0-9]\\(|.*[ *&]__wrap_gnutls)")
  list(TRANSFORM late REPLACE "^.*(gnutls_[a-z0-9_]+).*$" "-Wl,--wrap=\\1")
  # mold would link the HTTP client, too, which nothing here calls, and with it libcurl and the twenty libraries behind it.
  # Of libm, code of libstdc++ that is left out would want two functions; were it not left out, the linker would say that these are missing.
  target_link_options(${target} PRIVATE -fuse-ld=bfd -Wl,--as-needed,--gc-sections,-z,pack-relative-relocs
    -Wl,--wrap=fegetround,--wrap=fesetround -static-libstdc++ -static-libgcc ${late})
endfunction()
