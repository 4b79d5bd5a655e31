# units: postgresql.service postgresql@.service
# start: postgresql@15-test.service
prepare() {
    install -d -o postgres -g postgres -m 2775 /run/postgresql
    pg_createcluster --port 5433 15 test -- --no-sync
}
ask() { runuser -u postgres -- psql -p 5433 -Atc 'show search_path; select 40 + 2'; }
change() {
    echo "search_path = changed" >>/etc/postgresql/15/test/postgresql.conf
}
