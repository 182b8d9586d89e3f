// The server allocates by jemalloc (ADR 0017), which reads these settings at its start.

// In place of one arena for each core and more: the series of a head are of few sizes, and memory
// that a query gave back serves the next one wherever it runs. What is free goes back to the
// system within seconds, also while nothing is allocated.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "narenas:4,background_thread:true,max_background_threads:1,dirty_decay_ms:3000,"
    "muzzy_decay_ms:0";
}
