#!/bin/bash
# The way everspot came from, for comparison: the eight steps of a usual set-up in their order, as one user-data script.
# Nothing in it waits without need: requests to AWS are signed by curl instead of an installed AWS CLI, apt takes no
# recommended packages, the wheels come with the zip, and certbot answers its challenge through the running nginx.
# (nginx listens on the instance's own address, because instances of a rehearsal share a network.)
set -euo pipefail
mkdir -p /run/article
echo "started $EPOCHREALTIME" >/run/article/marks
mark() { echo "$1 $EPOCHREALTIME" >>/run/article/marks; }
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
bucket='@BUCKET@' region='@REGION@' zone='@ZONE@' domain='@DOMAIN@' directory='@DIRECTORY@'
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT%/} aws=${AWS_ENDPOINT_URL%/}
empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# 1. The instance's address (and the role's keys).
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token")
metadata() { curl -fsS -H "X-aws-ec2-metadata-token: $token" "$imds/latest/meta-data/$1"; }
address=$(metadata public-ipv4)
role=$(metadata iam/security-credentials/)
metadata "iam/security-credentials/$role" | python3 -c 'import json, sys
c = json.load(sys.stdin)
print("user = \"%s:%s\"" % (c["AccessKeyId"], c["SecretAccessKey"]))
print("header = \"x-amz-security-token: %s\"" % c["Token"])' >/run/article/keys
signed() { curl -fsS -K /run/article/keys --aws-sigv4 "aws:amz:$region:$1" "${@:2}"; }
mark address

# 2. The A record.
signed route53 -H 'content-type: application/xml' -o /dev/null "$aws/2013-04-01/hostedzone/$zone/rrset" -d "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>$domain</Name><Type>A</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>$address</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
mark record

# 3. The newest zip.
key=$(signed s3 -H "x-amz-content-sha256: $empty" "$aws/$bucket?list-type=2&prefix=releases%2F" | python3 -c '
import sys, xml.etree.ElementTree as tree
space = "{http://s3.amazonaws.com/doc/2006-03-01/}"
found = tree.parse(sys.stdin).getroot().findall(space + "Contents")
print(max(found, key=lambda c: c.findtext(space + "LastModified")).findtext(space + "Key"))')
signed s3 -H "x-amz-content-sha256: $empty" -o /run/article/release.zip "$aws/$bucket/$key"
mkdir -p /srv/site
python3 -m zipfile -e /run/article/release.zip /srv/site
cd /srv/site
mark release

# 4. Packages.
apt-get -qq update
apt-get -qq install --yes --no-install-recommends python3-venv nginx certbot >/dev/null
mark packages

# 5. The virtual environment.
python3 -m venv venv
venv/bin/pip install --quiet --no-index --find-links wheelhouse --disable-pip-version-check -r requirements.txt
mark environment

# 6. gunicorn.
useradd --system --no-create-home --shell /usr/sbin/nologin site
export DJANGO_SETTINGS_MODULE=project.settings
venv/bin/python manage.py migrate --noinput >/dev/null
venv/bin/python manage.py collectstatic --noinput >/dev/null
chown -R site: /srv/site
cat >/etc/systemd/system/gunicorn.service <<UNIT
[Service]
User=site
RuntimeDirectory=gunicorn
WorkingDirectory=/srv/site
Environment=DJANGO_SETTINGS_MODULE=project.settings
ExecStart=/srv/site/venv/bin/gunicorn --workers 2 --bind unix:/run/gunicorn/app.sock project.wsgi:application
Restart=always
[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
systemctl enable --quiet --now gunicorn.service
mark gunicorn

# 7. nginx.
mkdir -p /var/www/challenges
cat >/etc/nginx/sites-available/site <<CONFIG
server {
  listen $address:80;
  server_name $domain;
  location /.well-known/acme-challenge/ { root /var/www/challenges; }
  location / { return 301 https://\$host\$request_uri; }
}
CONFIG
rm -f /etc/nginx/sites-enabled/default
ln -sf ../sites-available/site /etc/nginx/sites-enabled/site
systemctl restart nginx.service
mark nginx

# 8. The certificate.
certbot certonly --quiet --non-interactive --agree-tos --register-unsafely-without-email --server "$directory" \
  --webroot --webroot-path /var/www/challenges --domain "$domain"
cat >>/etc/nginx/sites-available/site <<CONFIG
server {
  listen $address:443 ssl;
  server_name $domain;
  ssl_certificate /etc/letsencrypt/live/$domain/fullchain.pem;
  ssl_certificate_key /etc/letsencrypt/live/$domain/privkey.pem;
  location /static/ { root /srv/site; }
  location / {
    proxy_pass http://unix:/run/gunicorn/app.sock;
    proxy_set_header Host \$host;
    proxy_set_header X-Forwarded-For \$remote_addr;
    proxy_set_header X-Forwarded-Proto https;
  }
}
CONFIG
systemctl reload nginx.service
mark certificate
