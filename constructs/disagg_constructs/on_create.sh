#!/usr/bin/env bash
# Moves images, containers and kubelet's directory to the largest local disk, before the node joins.
#
# A HyperPod instance has a root volume of 100 GiB that cannot be made larger, and kubelet and
# containerd keep everything below /var/lib. Directories are bound and not configured, because the
# place of containerd's configuration differs between AMIs and nodeadm writes it anew.
# Running it again does nothing. A node without a second disk, such as a system node, stays as it is.
#
# An argument puts another root before every path; the tests use it.
set -euo pipefail

root="${1:-}"
directories=(/var/lib/containerd /var/lib/kubelet /var/log/pods)
# NVMe first, then the second EBS volume.
disks=(/opt/dlami/nvme /opt/sagemaker)

say() {
  echo "on_create: $*"
}

# The unit of a bind mount, so that it is there again after a reboot, before containerd.
write_unit() {
  local from="$1" to="$2" unit
  unit="$(systemd-escape --path --suffix=mount "$to")"
  mkdir -p "$root/etc/systemd/system"
  cat >"$root/etc/systemd/system/$unit" <<UNIT
[Unit]
Description=$to on the local disk
RequiresMountsFor=$from
Before=containerd.service kubelet.service

[Mount]
What=$from
Where=$to
Type=none
Options=bind

[Install]
WantedBy=multi-user.target
RequiredBy=containerd.service kubelet.service
UNIT
  systemctl enable "$unit"
}

disk=""
for one in "${disks[@]}"; do
  if mountpoint -q "$root$one"; then
    disk="$one"
    break
  fi
done
if [[ -z "$disk" ]]; then
  say "no disk at ${disks[*]}: images and containers stay on the root volume"
  exit 0
fi

stopped=no
for directory in "${directories[@]}"; do
  if mountpoint -q "$root$directory"; then
    say "$directory is on a disk of its own already"
    continue
  fi
  if [[ "$stopped" == no ]] && systemctl is-active --quiet containerd; then
    systemctl stop containerd
    stopped=yes
    trap 'systemctl start containerd' EXIT
  fi
  target="$disk/disagg$directory"
  mkdir -p "$root$target" "$root$directory"
  cp -a "$root$directory/." "$root$target/"
  write_unit "$target" "$directory"
  mount --bind "$root$target" "$root$directory"
  say "$directory is on $disk now"
done
say "done"
