/**
 * The program that moves files out of the way and back, run by `sh -c` on the host. Its words: a verb, the root, the folder of this
 * action in the quarantine, then one word for each file, `SIZE:MTIME:UID:GID:MODE:PATH` as it was found. GNU coreutils and findutils.
 *
 * Verb `look` prints two signs a file, of the place and of the quarantine: `=` as it was found, `-` absent, `!` anything else. `move` and
 * `back` touch nothing and end with status 3 unless each file is at one of the two ends or between them. A crash between any two steps
 * leaves the file whole in at least one of both places, and the next run goes on from there.
 */
const lines = [
  "verb=$1 root=$2 held=$3; shift 3; umask 077;",
  'sign() { if [ -L "$1" ]; then echo "!"; elif [ -f "$1" ]; then',
  '  [ "$(stat -c %s:%.9Y:%u:%g:%a -- "$1")" = "$2" ] && echo = || echo "!";',
  '  elif [ -e "$1" ]; then echo "!"; else echo -; fi; };',
  // No parent of a file may be a symbolic link: what lies behind it is not under the root.
  "inside() { case /$1/ in */../*|*/./*|*//*) return 1;; esac;",
  '  case $1 in */*) under=/${1%/*};; *) under=;; esac; [ -d "$root$under" ] || return 0;',
  '  [ "$(cd -P -- "$root$under" && pwd -P)" = "$(cd -P -- "$root" && pwd -P)$under" ]; };',
  'take() { path=${1#*:*:*:*:*:}; was=${1%":$path"}; here=$root/$path; there=$held/$path;',
  '  inside "$path" || { echo "outside: $path"; exit 3; };',
  '  signs=$(sign "$here" "$was")$(sign "$there" "$was"); };',
  'copy() { cp -p -- "$1" "$2" && sync -- "$2" && [ "$(sign "$2" "$was")" = = ] || { rm -f -- "$2"; echo "not copied: $path"; exit 1; }; };',
  'for file do take "$file";',
  '  case $verb:$signs in look:*) echo "$signs";;',
  "  move:=-|move:==|move:-=|back:=-|back:==|back:-=) ;;",
  '  *) echo "changed ($signs): $path"; exit 3;; esac; done;',
  '[ "$verb" = look ] && exit 0;',
  'for file do take "$file";',
  "  case $verb:$signs in",
  '  move:=-) mkdir -p -- "${there%/*}" && copy "$here" "$there.part" && mv -- "$there.part" "$there" || exit 1;',
  '    [ "$(sign "$here" "$was")" = = ] || { rm -f -- "$there"; echo "changed: $path"; exit 3; }; rm -f -- "$here" || exit 1;;',
  '  move:==) rm -f -- "$here" || exit 1;;',
  // A link is made only where nothing is: a new file of the same name is never overwritten.
  '  back:-=) copy "$there" "$here.omega-part"; ln -- "$here.omega-part" "$here" || { rm -f -- "$here.omega-part"; echo "changed: $path"; exit 3; };',
  '    rm -f -- "$here.omega-part" "$there" || exit 1;;',
  '  back:==) rm -f -- "$there" || exit 1;;',
  "  esac; done;",
  '[ "$verb" = move ] || [ ! -d "$held" ] || find "$held" -depth -type d -empty -delete;',
  "exit 0",
];

/** On one line, because no argument holds a line break. */
export const quarantineScript = lines.map((line) => line.trim()).join(" ");

export const statusOfChange = 3;
