# units: ssh.service
prepare() {
    adduser --quiet --system --no-create-home --home /run/sshd sshd
    cp /usr/share/openssh/sshd_config /etc/ssh/sshd_config
    ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
    mkdir -p -m 700 /root/.ssh
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
}
ask() {
    ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=no -o LogLevel=ERROR 127.0.0.1 \
        'echo "${GREETING:-hello} on ${SSH_CONNECTION##* }"'
}
change() { echo "SetEnv GREETING=changed" >>/etc/ssh/sshd_config; }
