#include <sys/timex.h>

#include <cerrno>

#include "agent/collectors/collectors.h"

namespace slurmscope::agent {
namespace {

// What adjtimex(2) says; https://man7.org/linux/man-pages/man2/adjtimex.2.html
struct Figure {
  std::string_view name;
  std::string_view help;
  MetricType type;
  double (*get)(const timex& t);
};

// Seconds of one unit of offset and jitter.
double Unit(const timex& t) { return (t.status & STA_NANO) != 0 ? 1e9 : 1e6; }
// Frequencies are in ppm with a 16-bit fraction.
constexpr double kPpm16 = 65536;

constexpr auto kGauge = MetricType::kGauge;
constexpr auto kCounter = MetricType::kCounter;

#define SLURMSCOPE_FIELD(expression) \
  [](const timex& t) -> double { return static_cast<double>(expression); }

constexpr Figure kFigures[] = {
    {"node_timex_offset_seconds", "Time offset in between local system and reference clock.",
     kGauge, [](const timex& t) { return static_cast<double>(t.offset) / Unit(t); }},
    {"node_timex_frequency_adjustment_ratio", "Local clock frequency adjustment.", kGauge,
     [](const timex& t) { return 1 + static_cast<double>(t.freq) / (1e6 * kPpm16); }},
    {"node_timex_maxerror_seconds", "Maximum error in seconds.", kGauge,
     [](const timex& t) { return static_cast<double>(t.maxerror) / 1e6; }},
    {"node_timex_estimated_error_seconds", "Estimated error in seconds.", kGauge,
     [](const timex& t) { return static_cast<double>(t.esterror) / 1e6; }},
    {"node_timex_status", "Value of the status array bits.", kGauge, SLURMSCOPE_FIELD(t.status)},
    {"node_timex_loop_time_constant", "Phase-locked loop time constant.", kGauge,
     SLURMSCOPE_FIELD(t.constant)},
    {"node_timex_tick_seconds", "Seconds between clock ticks.", kGauge,
     [](const timex& t) { return static_cast<double>(t.tick) / 1e6; }},
    {"node_timex_pps_frequency_hertz", "Pulse per second frequency.", kGauge,
     [](const timex& t) { return static_cast<double>(t.ppsfreq) / kPpm16; }},
    {"node_timex_pps_jitter_seconds", "Pulse per second jitter.", kGauge,
     [](const timex& t) { return static_cast<double>(t.jitter) / Unit(t); }},
    {"node_timex_pps_shift_seconds", "Pulse per second interval duration.", kGauge,
     SLURMSCOPE_FIELD(t.shift)},
    {"node_timex_pps_stability_hertz",
     "Pulse per second stability, average of recent frequency changes.", kGauge,
     [](const timex& t) { return static_cast<double>(t.stabil) / kPpm16; }},
    {"node_timex_pps_jitter_total", "Pulse per second count of jitter limit exceeded events.",
     kCounter, SLURMSCOPE_FIELD(t.jitcnt)},
    {"node_timex_pps_calibration_total", "Pulse per second count of calibration intervals.",
     kCounter, SLURMSCOPE_FIELD(t.calcnt)},
    {"node_timex_pps_error_total", "Pulse per second count of calibration errors.", kCounter,
     SLURMSCOPE_FIELD(t.errcnt)},
    {"node_timex_pps_stability_exceeded_total",
     "Pulse per second count of stability limit exceeded events.", kCounter,
     SLURMSCOPE_FIELD(t.stbcnt)},
    {"node_timex_tai_offset_seconds", "International Atomic Time (TAI) offset.", kGauge,
     SLURMSCOPE_FIELD(t.tai)}};
#undef SLURMSCOPE_FIELD

class Timex final : public Collector {
 public:
  explicit Timex(FamilySet& out)
      : sync_(out.Get("node_timex_sync_status",
                      "Is clock synchronized to a reliable server (1 = yes, 0 = no).", kGauge)) {
    for (const Figure& figure : kFigures) {
      families_.push_back(&out.Get(figure.name, figure.help, figure.type));
    }
  }

  Result<void> Update() override {
    timex now{};
    const int state = ::adjtimex(&now);
    if (state < 0) {
      // Containers may not ask.
      const bool denied = errno == EPERM || errno == EACCES;
      if (denied) return Fail(ErrorCode::kNotFound, "adjtimex: not permitted");
      return base::FailErrno("adjtimex", errno);
    }
    sync_.Set(state == TIME_ERROR ? 0 : 1);
    for (size_t i = 0; i < families_.size(); ++i) families_[i]->Set(kFigures[i].get(now));
    return {};
  }

 private:
  Family& sync_;
  std::vector<Family*> families_;
};

}  // namespace

Result<std::unique_ptr<Collector>> MakeTimex(const Machine&, const FlagValues&, FamilySet& out) {
  return std::make_unique<Timex>(out);
}

}  // namespace slurmscope::agent
