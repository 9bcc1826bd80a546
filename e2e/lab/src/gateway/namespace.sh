#!/bin/sh
# Runs a command on a view of this machine with another /etc/hosts, another CA bundle and two more directories at the top.
# Usage, in a mount namespace of its own: namespace.sh ROOT HOSTS CA_BUNDLE CERTS MODULE COMMAND ARGUMENT…
# ROOT is an empty directory, CERTS becomes /certs, MODULE becomes /ai-provider. An empty CA_BUNDLE changes none.
set -eu
root=$1 hosts=$2 bundle=$3 certs=$4 module=$5
shift 5

# Nothing that is mounted here is seen outside, whatever the system's default is.
mount --make-rprivate /
mount -t tmpfs ai-filters "$root"
for path in /* /.[!.]*; do
  name=${path#/}
  if [ -L "$path" ]; then
    ln -s "$(readlink "$path")" "$root/$name"
  elif [ -d "$path" ]; then
    mkdir "$root/$name"
    mount --rbind "$path" "$root/$name"
  elif [ -f "$path" ]; then
    : > "$root/$name"
    mount --bind "$path" "$root/$name"
  fi
done
mount --bind "$hosts" "$root/etc/hosts"
[ -z "$bundle" ] || mount --bind "$bundle" "$root/etc/ssl/certs/ca-certificates.crt"
for link in certs ai-provider; do
  if [ -e "$root/$link" ]; then
    echo "/$link exists on this machine" >&2
    exit 1
  fi
done
ln -s "$certs" "$root/certs"
ln -s "$module" "$root/ai-provider"
exec chroot "$root" "$@"
