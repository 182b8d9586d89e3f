#pragma once

namespace slurmscope::base {

// Gives back the pages of the program and its libraries that hold what cannot be written: the
// kernel brings back from its cache those that are used again. What only the start needed, above
// all the names by which libraries find each other, then takes no memory. Thread-safe.
void GiveBackProgramPages();

}  // namespace slurmscope::base
