# units: cron.service
prepare() {
    echo '@reboot root echo "a job of $LOGNAME" >/run/job && mv /run/job /run/done' >/etc/cron.d/test
}
# Such jobs run when cron starts for the first time after a boot, as far as it knows.
ask() {
    while ! [ -e /run/done ]; do sleep 0.05; done
    cat /run/done
    rm /run/done /run/crond.reboot
}
