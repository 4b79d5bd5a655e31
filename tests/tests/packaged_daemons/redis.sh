# units: redis-server.service
prepare() {
    install -d -o redis -g redis -m 750 /var/lib/redis /var/log/redis
}
ask() { redis-cli set greeting hello && redis-cli get greeting; }
