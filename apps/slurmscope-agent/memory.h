#pragma once

namespace slurmscope {

// One heap for all threads, which work in turn: a heap each would keep pages for nothing. It keeps
// what a page of metrics takes. To be called before any thread is started.
void UseOneHeap();

// Gives back what only the start needed: free pages of the heap, and pages of the program and its
// libraries, which the kernel brings back from its cache when they are used again. Thread-safe.
void GiveBackMemory();

}  // namespace slurmscope
