# cmake -DDIST=web/dist -DOUT=DIR -P embed_assets.cmake
# Writes OUT/embedded_assets.{S,cc}: every file of DIST, scripts and styles compressed once for all requests.
file(GLOB_RECURSE files RELATIVE ${DIST} ${DIST}/*)
list(FILTER files EXCLUDE REGEX "(^|/)\\.|\\.map$")
list(SORT files)
find_program(GZIP gzip REQUIRED)
file(MAKE_DIRECTORY ${OUT}/gzip)

set(assembly ".section .note.GNU-stack,\"\",@progbits\n.section .rodata\n")
set(externs "")
set(rows "")
set(n 0)
foreach(path ${files})
  set(source ${DIST}/${path})
  set(gzipped false)
  if(path MATCHES "\\.(js|css|svg|json)$")
    set(packed ${OUT}/gzip/${n}.gz)
    execute_process(COMMAND ${GZIP} -9 -n -c ${source} OUTPUT_FILE ${packed} COMMAND_ERROR_IS_FATAL ANY)
    set(source ${packed})
    set(gzipped true)
  endif()
  string(APPEND assembly ".global slurmscope_asset_${n}_begin\n.global slurmscope_asset_${n}_end\n"
         ".balign 16\nslurmscope_asset_${n}_begin:\n.incbin \"${source}\"\nslurmscope_asset_${n}_end:\n.byte 0\n")
  string(APPEND externs "extern const char slurmscope_asset_${n}_begin[], slurmscope_asset_${n}_end[];\n")
  string(APPEND rows "      {\"/${path}\", {slurmscope_asset_${n}_begin, slurmscope_asset_${n}_end}, ${gzipped}},\n")
  math(EXPR n "${n} + 1")
endforeach()

file(WRITE ${OUT}/embedded_assets.S "${assembly}")
file(WRITE ${OUT}/embedded_assets.cc
"// Written by cmake/embed_assets.cmake.
#include \"dashboards/assets.h\"

extern \"C\" {
${externs}}

namespace slurmscope::dashboards {

const std::vector<Asset>& EmbeddedAssets() {
  static const std::vector<Asset> assets = {
${rows}  };
  return assets;
}

}  // namespace slurmscope::dashboards
")
