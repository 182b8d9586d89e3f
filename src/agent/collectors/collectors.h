#pragma once

#include "agent/collector.h"

namespace slurmscope::agent {

// One maker a collector; what each reads stands in its .cc.
#define SLURMSCOPE_COLLECTOR(Name) \
  Result<std::unique_ptr<Collector>> Make##Name(const Machine&, const FlagValues&, FamilySet&)
SLURMSCOPE_COLLECTOR(Cpu);
SLURMSCOPE_COLLECTOR(Diskstats);
SLURMSCOPE_COLLECTOR(Entropy);
SLURMSCOPE_COLLECTOR(Filefd);
SLURMSCOPE_COLLECTOR(Filesystem);
SLURMSCOPE_COLLECTOR(KernelHung);
SLURMSCOPE_COLLECTOR(Loadavg);
SLURMSCOPE_COLLECTOR(Meminfo);
SLURMSCOPE_COLLECTOR(Netdev);
SLURMSCOPE_COLLECTOR(Netstat);
SLURMSCOPE_COLLECTOR(Pressure);
SLURMSCOPE_COLLECTOR(Schedstat);
SLURMSCOPE_COLLECTOR(Softnet);
SLURMSCOPE_COLLECTOR(Stat);
SLURMSCOPE_COLLECTOR(Time);
SLURMSCOPE_COLLECTOR(Uname);
SLURMSCOPE_COLLECTOR(Vmstat);
#undef SLURMSCOPE_COLLECTOR

}  // namespace slurmscope::agent
