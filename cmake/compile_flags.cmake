# Warnings are errors, in every preset. Sign conversion is left out: it drowns the warnings that matter.
add_library(slurmscope_flags INTERFACE)
target_compile_options(slurmscope_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Wold-style-cast -Wundef -Werror)
target_include_directories(slurmscope_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)

if(SLURMSCOPE_SANITIZE)
  add_compile_options(-fsanitize=${SLURMSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLURMSCOPE_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS -fstack-protector-strong)
  add_link_options(-pie -Wl,-z,relro,-z,now)
endif()

find_program(SLURMSCOPE_MOLD mold)
if(SLURMSCOPE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_program(SLURMSCOPE_CCACHE ccache)
if(SLURMSCOPE_CCACHE)
  # Relative paths and no directory hash: every build directory and every clone shares one cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${SLURMSCOPE_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()
