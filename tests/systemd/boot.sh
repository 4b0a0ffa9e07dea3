#!/usr/bin/env bash
# The first process of machine.sh's namespaces: `boot.sh BINARY UNITS WORK`. Installs the unit as
# docs/systemd.md says over the machine's own files, which stay as they are, starts `cloakroom dev` for the store and
# the authorization server, and becomes systemd.
set -euo pipefail

bin="$1" units="$2" work="$3"
ip link set lo up

# Changes of the machine's folders go into memory.
mount -t tmpfs tmpfs /mnt
for folder in etc usr var; do
    mkdir "/mnt/$folder" "/mnt/$folder.work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder,workdir=/mnt/$folder.work" "/$folder"
done
mount -t tmpfs tmpfs /run
mount --bind -o ro /proc/sys /proc/sys
# systemd sees its own control groups as the roots.
if [ -d /sys/fs/cgroup/systemd ]; then
    mount -t tmpfs tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
# As after a boot.
mount --make-rshared /

install -m 755 "$bin" /usr/local/bin/cloakroom
install -m 644 "$units/sysusers.conf" /usr/lib/sysusers.d/cloakroom.conf
install -m 644 "$units/tmpfiles.conf" /usr/lib/tmpfiles.d/cloakroom.conf
install -m 644 "$units/cloakroom.service" /etc/systemd/system/cloakroom.service
systemd-sysusers
systemd-tmpfiles --create cloakroom.conf

# systemd-tmpfiles empties /tmp: only the folder of this test is the machine's.
mkdir /mnt/work
mount --bind "$work" /mnt/work
mount -t tmpfs tmpfs /tmp
mkdir -p "$work"
mount --bind /mnt/work "$work"

# Its authorization server answers before its files are open: the banner is the last thing it does.
/usr/local/bin/cloakroom dev --port 0 --data-dir "$work/dev" >"$work/dev.log" 2>&1 &
until grep -q '^cloakroom is ready' "$work/dev.log"; do kill -0 $!; sleep 0.1; done

# The configuration of `dev`, with its secrets in files.
secrets="oauth.client_secret storage.access_key_id storage.secret_access_key"
for key in $secrets; do
    (umask 077; sed -n "s/^$key = \"\(.*\)\"/\1/p" "$work/dev/cloakroom.toml" >"/etc/cloakroom/secrets/$key")
done
{
    grep -E '^(oauth|storage)\.' "$work/dev/cloakroom.toml" | grep -vE "^(${secrets// /|}) "
    for key in $secrets; do echo "${key}_file = \"/run/credentials/cloakroom.service/secret_$key\""; done
    echo 'database.url = "sqlite:///var/lib/cloakroom/cloakroom.db?mode=rwc"'
    echo 'naming.namespace = "systemd"'
} >/etc/cloakroom.toml
chown root:cloakroom /etc/cloakroom.toml
chmod 640 /etc/cloakroom.toml

# Only this unit, without what boots a whole machine.
rm -rf /usr/lib/systemd/system-generators /etc/systemd/system-generators
mkdir /etc/systemd/system/cloakroom.service.d
cat >/etc/systemd/system/cloakroom.service.d/alone.conf <<UNIT
[Unit]
DefaultDependencies=no
Wants=
After=
[Service]
StandardError=append:$work/log
UNIT
cat >/etc/systemd/system/alone.target <<UNIT
[Unit]
DefaultDependencies=no
AllowIsolate=yes
Wants=cloakroom.service
UNIT
exec env container=other /lib/systemd/systemd --system --unit=alone.target --log-target=console --show-status=0
