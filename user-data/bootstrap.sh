#!/bin/bash
# everspot: fetches this site's agent from its bucket, checks it and starts it. Runs on every boot; safe to repeat.
set -euo pipefail
export LC_ALL=C
umask 022
bucket='@BUCKET@' region='@REGION@' agent='@AGENT@'
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds=${imds%/}
s3=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}
if [ -n "$s3" ]; then s3=${s3%/}/$bucket; else s3=https://$bucket.s3.$region.@SUFFIX@; fi
home=/opt/everspot/$agent
# SHA-256 of an empty body
empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

mkdir -p /etc/everspot /opt/everspot /run/everspot
mark() { echo "$1 $EPOCHREALTIME" >>/run/everspot/bootstrap; }
echo "started $EPOCHREALTIME" >/run/everspot/bootstrap

get() { curl -fsS --noproxy '*' --connect-timeout 5 "$@"; }

# The role's credentials as a curl configuration: they stay off the disk and off the command line.
credentials() {
  local token role
  token=$(get -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token")
  token="X-aws-ec2-metadata-token: $token"
  role=$(get -m 5 -H "$token" "$imds/latest/meta-data/iam/security-credentials/")
  get -m 5 -H "$token" "$imds/latest/meta-data/iam/security-credentials/${role%%$'\n'*}" |
    python3 -c 'import json, sys
c = json.load(sys.stdin)
print("user = \"%s:%s\"" % (c["AccessKeyId"], c["SecretAccessKey"]))
print("header = \"x-amz-security-token: %s\"" % c["Token"])'
}

# Downloads, checks and unpacks at once; the folder gets its name only if the SHA-256 of the tar is the pinned one.
fetch() {
  local next=$home.next keys sum unpack
  rm -rf "$next" "$next.pipe"
  mkdir "$next"
  keys=$(credentials) || return 1
  mark credentials
  mkfifo "$next.pipe"
  # tar may stop reading at the end of the archive; whoever writes to it must not die of that.
  { tar -xC "$next" --no-same-owner && cat >/dev/null; } <"$next.pipe" &
  unpack=$!
  sum=$(get --proto '=https,http' --speed-time 30 --speed-limit 1000 ${AWS_CA_BUNDLE:+--cacert "$AWS_CA_BUNDLE"} \
    -K <(echo "$keys") --aws-sigv4 "aws:amz:$region:s3" -H "x-amz-content-sha256: $empty" \
    -H 'x-amz-expected-bucket-owner: @ACCOUNT@' \
    --compressed "$s3/agent/$agent.tar" | tee "$next.pipe" | openssl dgst -sha256 -r) || sum=failed
  wait "$unpack" || sum="$sum, not a tar"
  rm "$next.pipe"
  if [ "${sum%% *}" != "$agent" ] || [ "${sum#*,}" != "$sum" ]; then
    echo "everspot: the agent's archive is not $agent: $sum" >&2
    return 1
  fi
  rm -rf "$home"
  mv -T "$next" "$home"
  mark agent
}

# The agent marks itself as whole once the disk has it: only what survives a power cut spares a boot the download.
wait=1
until [ -e "$home/whole" ] || fetch; do
  echo "everspot: no agent yet, next try in $wait s" >&2
  sleep "$wait"
  wait=$((wait < 32 ? wait * 2 : 60))
done

# Its contents, such as a webhook's address, are for the agent alone.
rm -f /etc/everspot/boot.json.next
umask 077
cat >/etc/everspot/boot.json.next <<'EVERSPOT_BOOT_CONFIG'
@BOOT_CONFIG@
EVERSPOT_BOOT_CONFIG
umask 022
mv /etc/everspot/boot.json.next /etc/everspot/boot.json
printf '%s\n' "AWS_REGION=$region" "AWS_EC2_METADATA_SERVICE_ENDPOINT=$imds" >/etc/everspot/environment
# systemd finds new units by itself; it must be told to reread only those it may know in another form (0.2 s).
old=
[ ! -e /etc/systemd/system/everspot.service ] || old=yes
[ ! -e "$home/whole" ] || [ "$(readlink /opt/everspot/current)" != "$agent" ] || old=
ln -sfn "$agent" /opt/everspot/next && mv -T /opt/everspot/next /opt/everspot/current
cp -r "$home/units/." /etc/systemd/system/
[ -z "$old" ] || systemctl daemon-reload
mark units
systemctl restart --no-block everspot.service
