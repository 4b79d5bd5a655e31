# units: nginx.service
prepare() {
    echo 'server { listen 127.0.0.1:8080; return 200 "hello\n"; }' >/etc/nginx/conf.d/test.conf
}
ask() { curl --silent --show-error http://127.0.0.1:8080/; }
change() { sed -i s/hello/changed/ /etc/nginx/conf.d/test.conf; }
