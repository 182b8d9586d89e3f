#pragma once

#include <string>

#include "notify/manager.h"
#include "rules/manager.h"

namespace slurmscope::api {

// Appends the prometheus_rule_* families in exposition text.
void WriteRuleMetrics(const rules::Manager& rules, std::string& out);

// Appends the prometheus_notifications_* families.
void WriteNotifyMetrics(const notify::NotifyStats& stats, std::string& out);

}  // namespace slurmscope::api
