#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace slurmscope::rules {

// Why a template cannot be compiled or run. Thrown inside the engine; template.cc catches it.
struct TemplateFailure {
  std::string message;
};

// A reader over the characters of a template: literal text up to an action, then the inside of the
// action, piece by piece. Errors carry the template's name and the line of the reader.
class TemplateSource {
 public:
  TemplateSource(std::string name, std::string_view text) : name_(std::move(name)), text_(text) {}

  // The text up to the next action or the end, trimmed by the markers on both sides; comments are
  // skipped. Afterwards the reader is inside of an action, or done() is true.
  std::string TakeText();
  bool done() const { return at_ >= text_.size(); }

  // Inside of an action.
  bool SkipSpace();              // whether there was any; stops before " -}}"
  bool AtClose() const;          // before "}}" or " -}}"
  void Close();                  // leaves the action
  std::string PeekWord() const;  // letters, digits, '_'; may be empty
  std::string TakeWord();        // the same; a strange character behind it is an error
  std::string TakeNumber();
  std::string TakeQuoted();  // with its quotes
  bool Take(std::string_view piece);
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool AtNumber() const;
  bool inside() const { return inside_; }
  void NeedAction() const;  // fails at the end of the text

  size_t position() const { return at_; }
  void Rewind(size_t position) { at_ = position; }
  const std::string& name() const { return name_; }
  int parens = 0;  // open ones of the action

  [[noreturn]] void Fail(std::string_view problem) const;
  // What comes next does not belong into `context`.
  [[noreturn]] void Unexpected(std::string_view context);

 private:
  bool SkipComment();
  std::string RuneAt() const;

  std::string name_;
  std::string_view text_;
  size_t at_ = 0;
  bool inside_ = false;
  bool trim_ = false;  // the action before ended with "-}}"
};

}  // namespace slurmscope::rules
