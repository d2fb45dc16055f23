// Completion scripts and the man page, from the same tables as --help.
#include "cli/help.h"

namespace kist::cli {
namespace {

std::string flag_words(Command& command) {
  std::string words = "--help";
  for (const BoundFlag& flag : command.flags()) words += " --" + std::string(flag.name);
  return words;
}

// Words that may follow "kist" or "kist db": a word of two-word commands shows once.
std::string next_words(const Commands& commands, std::string_view first) {
  std::string words;
  for (const auto& command : commands) {
    const std::string_view name = command->name();
    const size_t space = name.find(' ');
    std::string_view word;
    if (first.empty()) {
      word = name.substr(0, space);
    } else if (space != name.npos && name.substr(0, space) == first) {
      word = name.substr(space + 1);
    }
    if (word.empty() || (words + " ").find(" " + std::string(word) + " ") != words.npos) continue;
    words += " " + std::string(word);
  }
  return words.empty() ? words : words.substr(1);
}

// A minus that is a minus, not a hyphen, and no line that roff takes for a request.
std::string roff(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '-') escaped += '\\';
    if (c == '\\')
      escaped += "\\e";
    else if ((c == '.' || c == '\'') && (escaped.empty() || escaped.back() == '\n'))
      escaped += "\\&", escaped += c;
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace

std::string bash_completion(const Commands& commands) {
  std::string text =
      "# bash completion of kist: source <(kist completion bash)\n"
      "_kist() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n"
      "  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
  for (const auto& command : commands) {
    const std::string name(command->name());
    const bool two_words = name.find(' ') != name.npos;
    text += "    \"" + name + "\"" + (two_words ? "" : "\\ *") + ") words=\"" +
            flag_words(*command) + "\" ;;\n";
  }
  text += "  esac\n";
  text += "  [ \"$COMP_CWORD\" = 1 ] && words=\"" + next_words(commands, "") + "\"\n";
  text += "  [ \"$COMP_CWORD\" = 2 ] && [ \"${COMP_WORDS[1]}\" = db ] && words=\"" +
          next_words(commands, "db") + "\"\n";
  text +=
      "  case \"${COMP_WORDS[COMP_CWORD-1]}\" in\n"
      "    --data-dir) COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n"
      "    --config|--write-kubeconfig|--token-auth-file) COMPREPLY=($(compgen -f -- \"$word\")); "
      "return ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}\n"
      "complete -F _kist kist\n";
  return text;
}

std::string zsh_completion(const Commands& commands) {
  std::string text =
      "#compdef kist\n"
      "# zsh completion of kist: source <(kist completion zsh)\n"
      "_kist() {\n"
      "  local -a choices\n"
      "  if (( CURRENT == 2 )); then\n"
      "    choices=(" +
      next_words(commands, "") +
      ")\n"
      "  elif (( CURRENT == 3 )) && [[ $words[2] == db ]]; then\n"
      "    choices=(" +
      next_words(commands, "db") +
      ")\n"
      "  else\n"
      "    case \"$words[2] $words[3]\" in\n";
  for (const auto& command : commands) {
    const std::string name(command->name());
    const bool two_words = name.find(' ') != name.npos;
    text += "      \"" + name + "\"" + (two_words ? "" : "\\ *") + ") choices=(" +
            flag_words(*command) + ") ;;\n";
  }
  text +=
      "    esac\n"
      "  fi\n"
      "  case $words[CURRENT-1] in\n"
      "    --data-dir) _directories; return ;;\n"
      "    --config|--write-kubeconfig|--token-auth-file) _files; return ;;\n"
      "  esac\n"
      "  compadd -- $choices\n"
      "}\n"
      "compdef _kist kist\n";
  return text;
}

std::string man_page(const Commands& commands) {
  std::string text =
      ".TH KIST 8\n.SH NAME\nkist \\- a Kubernetes cluster in one binary\n"
      ".SH SYNOPSIS\n.B kist\n.I COMMAND\n.RI [ FLAGS ]\n.SH COMMANDS\n";
  for (const auto& command : commands) {
    text += ".SS kist " + roff(command->name()) + " " + roff(command->arguments()) + "\n";
    text += roff(command->summary()) + "\n";
    for (const BoundFlag& flag : command->flags()) {
      text += ".TP\n.BR \\-\\-" + roff(flag.name);
      if (!flag.is_bool()) text += " \" \" \\fI" + roff(flag.placeholder) + "\\fR";
      text += "\n" + roff(flag.help) + "\n";
    }
    if (!command->description().empty())
      text += ".PP\n.nf\n" + roff(command->description()) + ".fi\n";
  }
  return text;
}

}  // namespace kist::cli
