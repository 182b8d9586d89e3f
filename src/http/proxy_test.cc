#include "http/proxy.h"

#include <gtest/gtest.h>

namespace slurmscope::http {
namespace {

TEST(NoProxy, NamesHostsAsGoDoes) {
  EXPECT_TRUE(IsSpared("*", "a.b", "80"));
  EXPECT_TRUE(IsSpared("x, foo.com", "foo.com", "80"));
  EXPECT_TRUE(IsSpared("foo.com", "bar.foo.com", "80"));
  EXPECT_FALSE(IsSpared("foo.com", "barfoo.com", "80"));
  EXPECT_FALSE(IsSpared(".foo.com", "foo.com", "80"));
  EXPECT_TRUE(IsSpared(".foo.com", "bar.foo.com", "80"));
  EXPECT_TRUE(IsSpared("*.foo.com", "bar.foo.com", "80"));
  EXPECT_FALSE(IsSpared("foo.com:81", "foo.com", "80"));
  EXPECT_TRUE(IsSpared("FOO.com:80", "foo.com", "80"));
  EXPECT_TRUE(IsSpared("10.0.0.0/8", "10.9.8.7", "9100"));
  EXPECT_FALSE(IsSpared("10.0.0.0/8", "11.9.8.7", "9100"));
  EXPECT_FALSE(IsSpared("10.0.0.0/8", "ten", "9100"));
  EXPECT_TRUE(IsSpared("10.1.2.0/23", "10.1.3.7", "9100"));
  EXPECT_FALSE(IsSpared("10.1.2.0/23", "10.1.4.7", "9100"));
  EXPECT_TRUE(IsSpared("fd00::/16", "fd00:1::1", "1"));
  EXPECT_TRUE(IsSpared("[fd00::1]:90", "fd00::1", "90"));
  EXPECT_FALSE(IsSpared("[fd00::1]:90", "fd00::1", "91"));
  EXPECT_TRUE(IsSpared("10.0.0.1", "10.0.0.1", "1"));
  for (const char* odd : {"", ",,", "/", "1.2.3.4/", "1.2.3.4/99", "/8", ":", "[", "[]", "a/b"})
    EXPECT_FALSE(IsSpared(odd, "1.2.3.4", "80")) << odd;
}

TEST(Proxy, DependsOnSchemeAndHost) {
  ProxySettings settings;
  settings.for_http = "http://p:1";
  settings.for_https = "http://p:2";
  settings.no_proxy = "internal";
  EXPECT_EQ(ProxyFor(settings, "http://a:9100/metrics"), "http://p:1");
  EXPECT_EQ(ProxyFor(settings, "https://a/metrics"), "http://p:2");
  EXPECT_EQ(ProxyFor(settings, "http://u:p@Node.Internal:9100/metrics"), "");
  EXPECT_EQ(ProxyFor(settings, "http://127.0.0.1:9100/"), "http://p:1");
  settings.spares_loopback = true;
  for (const char* url : {"http://127.0.0.9:1/", "http://localhost/", "https://[::1]:2/x"})
    EXPECT_EQ(ProxyFor(settings, url), "") << url;
}

}  // namespace
}  // namespace slurmscope::http
