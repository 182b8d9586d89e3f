# Two Debian packages by cpack -G DEB (./dev deb).
include(GNUInstallDirs)

foreach(package slurmscope slurmscope-agent)
  install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/${package}.service
          DESTINATION /usr/lib/systemd/system COMPONENT ${package})
  install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/${package}.sysusers
          DESTINATION /usr/lib/sysusers.d RENAME ${package}.conf COMPONENT ${package})
  install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/${package}.default
          DESTINATION /etc/default RENAME ${package} COMPONENT ${package})
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE
          DESTINATION /usr/share/doc/${package} RENAME copyright COMPONENT ${package})
endforeach()
# Not active: for those who want them.
install(FILES ${CMAKE_SOURCE_DIR}/deploy/systemd/slurmscope-agent.d/gpu-of-job.conf
              ${CMAKE_SOURCE_DIR}/deploy/systemd/slurmscope-agent.d/kernel-log.conf
              ${CMAKE_SOURCE_DIR}/deploy/systemd/slurmscope-agent.d/perf.conf
        DESTINATION /usr/share/slurmscope-agent/systemd COMPONENT slurmscope-agent)
# Licences of what the agent has in itself (slurmscope_few_libraries).
string(REGEX MATCH "^[0-9]+" compiler_major ${CMAKE_CXX_COMPILER_VERSION})
foreach(package libmicrohttpd-dev libre2-dev libyaml-cpp-dev libcrypt-dev libdeflate-dev libzstd-dev zlib1g-dev libxxhash-dev
        libspdlog-dev libfmt-dev gcc-${compiler_major}-base)
  install(FILES /usr/share/doc/${package}/copyright DESTINATION /usr/share/doc/slurmscope-agent/linked
          RENAME ${package} COMPONENT slurmscope-agent OPTIONAL)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/deploy/config/prometheus.yml DESTINATION /etc/slurmscope COMPONENT slurmscope)
install(FILES ${CMAKE_SOURCE_DIR}/deploy/config/targets-README
        DESTINATION /etc/slurmscope/targets RENAME README COMPONENT slurmscope)
file(GLOB SLURMSCOPE_DASHBOARDS ${CMAKE_SOURCE_DIR}/deploy/dashboards/*.json)
install(FILES ${SLURMSCOPE_DASHBOARDS} DESTINATION /etc/slurmscope/dashboards COMPONENT slurmscope)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME slurmscope)
set(CPACK_PACKAGE_VENDOR Slurmscope)
set(CPACK_PACKAGE_CONTACT "Slurmscope maintainers <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Observability for Slurm GPU clusters")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR OFF)
set(CPACK_COMPONENTS_ALL slurmscope slurmscope-agent)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
foreach(package slurmscope slurmscope-agent)
  string(TOUPPER ${package} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${package})
  set(control ${CMAKE_SOURCE_DIR}/deploy/debian/${package})
  set(CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA
      ${control}/postinst ${control}/prerm ${control}/postrm ${control}/conffiles)
endforeach()
# Loaded when TLS is wanted, so not seen in the program.
set(CPACK_DEBIAN_SLURMSCOPE-AGENT_PACKAGE_DEPENDS libgnutls30)
set(CPACK_COMPONENT_SLURMSCOPE_DESCRIPTION
    "Server of Slurmscope: scrapes, stores and queries metrics as Prometheus does, and shows them in a web UI.")
set(CPACK_COMPONENT_SLURMSCOPE-AGENT_DESCRIPTION
    "Agent of Slurmscope: the metrics of this node, under the names that node_exporter gives them.")
include(CPack)
