# base/version.cc gets version, revision and branch of the checkout; a source package without git says "unknown".
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD
                OUTPUT_VARIABLE SLURMSCOPE_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --abbrev-ref HEAD
                OUTPUT_VARIABLE SLURMSCOPE_BRANCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT SLURMSCOPE_REVISION)
  set(SLURMSCOPE_REVISION unknown)
  set(SLURMSCOPE_BRANCH unknown)
endif()
