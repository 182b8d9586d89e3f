#pragma once

#include <functional>
#include <optional>
#include <string>

#include "dashboards/accounts.h"
#include "dashboards/dashboard_store.h"
#include "http/server.h"

namespace slurmscope::dashboards {

// What answers on the web UI's port: the UI's files, login and logout, the subset of Grafana's HTTP API that the UI and
// scripts need, and Prometheus' API for whoever is logged in. Every answer carries strict security headers; requests
// that change something must come from the same origin. Thread-safe.
class UiServer {
 public:
  // `prometheus_api` answers /api/v1/*; all references must outlive the object.
  UiServer(Accounts& accounts, DashboardStore& dashboards, http::Handler prometheus_api);

  http::Response Handle(const http::Request& request) const;

 private:
  void AddRoutes();
  http::Response LogIn(const http::Request& request) const;
  http::Response LogOut(const http::Request& request) const;
  http::Response CurrentUser(const http::Request& request) const;
  http::Response Search(const http::Request& request) const;
  http::Response GetDashboard(const http::Request& request) const;
  http::Response SaveDashboard(const http::Request& request) const;
  http::Response DeleteDashboard(const http::Request& request) const;
  http::Response StaticFile(const http::Request& request) const;

  std::optional<User> UserOf(const http::Request& request) const;
  // `handler` for those who are logged in, 401 for others.
  http::Handler LoggedIn(http::Handler handler) const;

  Accounts& accounts_;
  DashboardStore& dashboards_;
  http::Handler prometheus_api_;
  http::Router router_;
};

}  // namespace slurmscope::dashboards
