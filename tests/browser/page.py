"""Uses the web page as a person would, in headless Chromium, and says what is wrong.

usage: page.py ADDRESS USER PASSWORD DIRECTORY

The daemon at ADDRESS runs the programs `cat` (started), `idle` (not started), `talk` (which writes
a line for every file it finds) and the group `grp` with `one` and `two`. Pictures of the pages go to
DIRECTORY.
"""
import os
import sys

from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ADDRESS, USER, PASSWORD, DIRECTORY = sys.argv[1:5]
PATIENCE = 30


def browser(scripts, width=1200, dark=False):
    options = webdriver.ChromeOptions()
    for word in (
        "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync"
    ).split():
        options.add_argument(word)
    options.add_argument(f"--user-data-dir={DIRECTORY}/profile-{scripts}-{width}-{dark}")
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if not scripts:
        options.add_experimental_option(
            "prefs", {"profile.managed_default_content_settings.javascript": 2}
        )
    if dark:
        options.add_argument("--force-dark-mode")
    driver = webdriver.Chrome(
        options=options, service=webdriver.ChromeService("/usr/bin/chromedriver")
    )
    driver.set_window_size(width, 900)
    return driver


def url(path):
    return f"http://{USER}:{PASSWORD}@{ADDRESS}{path}"


def until(driver, what, look):
    # Rows are replaced while somebody looks at them.
    WebDriverWait(
        driver,
        PATIENCE,
        poll_frequency=0.05,
        ignored_exceptions=[NoSuchElementException, StaleElementReferenceException],
    ).until(lambda _: look(), what)


def row(driver, name):
    for found in driver.find_elements(By.CSS_SELECTOR, "tbody tr:not(.group)"):
        if found.find_element(By.CSS_SELECTOR, "td.name").text == name:
            return found
    raise AssertionError(f"no row of {name}: {driver.page_source}")


def state(driver, name):
    try:
        return row(driver, name).find_element(By.CSS_SELECTOR, ".state").text
    except Exception:  # the rows are being replaced
        return ""


def is_in(driver, name, wanted):
    until(driver, f"{name} is {wanted}", lambda: state(driver, name) == wanted)


def press(driver, name, label):
    def pressed():
        try:
            for button in row(driver, name).find_elements(By.TAG_NAME, "button"):
                if button.text == label:
                    button.click()
                    return True
        except Exception:  # the rows are being replaced
            pass
        return False

    until(driver, f"{name} has a button {label}", pressed)


def message(driver):
    return driver.find_element(By.CSS_SELECTOR, ".message").text


def picture(driver, name):
    driver.save_screenshot(os.path.join(DIRECTORY, name + ".png"))


def control(driver):
    """Start and stop, by the buttons."""
    driver.get(url("/"))
    until(driver, "cat runs", lambda: state(driver, "cat") == "running" or driver.refresh())
    is_in(driver, "idle", "stopped")
    press(driver, "idle", "Start")
    until(driver, "started", lambda: "Process idle started" in driver.page_source)
    assert message(driver) == "Process idle started", message(driver)
    is_in(driver, "idle", "running")
    press(driver, "idle", "Stop")
    until(driver, "stopped", lambda: "Process idle stopped" in driver.page_source)
    is_in(driver, "idle", "stopped")
    press(driver, "broken", "Start")
    until(driver, "refused", lambda: "ERROR: Process broken" in driver.page_source)
    assert "error" in driver.find_element(By.CSS_SELECTOR, ".message").get_attribute("class")


def bookmark(driver):
    """An old address changes nothing before somebody says so."""
    driver.get(url("/index.html?action=stop&processname=cat"))
    assert "Really?" in driver.title
    driver.get(url("/"))
    is_in(driver, "cat", "running")
    driver.get(url("/index.html?action=restart&processname=cat"))
    driver.find_element(By.XPATH, "//button[text()='Restart']").click()
    until(driver, "restarted", lambda: "Process cat restarted" in driver.page_source)


def filtering(driver, scripts):
    driver.get(url("/"))
    field = driver.find_element(By.CSS_SELECTOR, "input[type=search]")
    field.send_keys("grp")
    if not scripts:
        field.submit()
    names = lambda: [
        found.text
        for found in driver.find_elements(By.CSS_SELECTOR, "td.name")
        if found.is_displayed()
    ]
    until(driver, "only the group is left", lambda: names() == ["grp:one", "grp:two"])


def live(driver):
    """What somebody else does is seen without reloading."""
    driver.get(url("/"))
    driver.execute_script("window.sameVisit = true")
    subprocess_control("start", "idle")
    until(driver, "seen live", lambda: state(driver, "idle") == "running")
    subprocess_control("stop", "idle")
    until(driver, "seen live", lambda: state(driver, "idle") == "stopped")
    assert driver.execute_script("return window.sameVisit")


def subprocess_control(verb, name):
    import xmlrpc.client

    server = xmlrpc.client.ServerProxy(url("/RPC2"))
    getattr(server.supervisor, verb + "Process")(name)


def follow(driver, scripts):
    driver.get(url("/tail.html?processname=talk"))
    text = lambda: driver.find_element(By.TAG_NAME, "pre").text
    until(driver, "the log is there", lambda: "hello" in text() or (driver.refresh() if not scripts else None))
    if scripts:
        open(os.path.join(DIRECTORY, "say-more"), "w").close()
        until(driver, "new lines come by themselves", lambda: "more to say" in text())
    else:
        link = driver.find_element(By.LINK_TEXT, "Follow").get_attribute("href")
        assert link.endswith("/logtail/talk/stdout"), link


def pages(driver):
    driver.get(url("/tail.html?processname=broken"))
    page = driver.find_element(By.TAG_NAME, "main").text
    assert "/no/such/program" in page, page
    driver.get(url("/?message=%3Cscript%3Edocument.title=1%3C/script%3E"))
    assert message(driver) == "<script>document.title=1</script>"
    assert driver.title.startswith("Processes")


def complaints(driver):
    """What the browser's console says, such as a breach of the content policy."""
    return [
        entry["message"]
        for entry in driver.get_log("browser")
        if entry["level"] == "SEVERE" and "404" not in entry["message"]
    ]


with_scripts = browser(True)
try:
    control(with_scripts)
    bookmark(with_scripts)
    filtering(with_scripts, True)
    live(with_scripts)
    follow(with_scripts, True)
    picture(with_scripts, "process")
    pages(with_scripts)
    with_scripts.get(url("/"))
    picture(with_scripts, "list")
    assert not complaints(with_scripts), complaints(with_scripts)
finally:
    with_scripts.quit()

without = browser(False)
try:
    control(without)
    bookmark(without)
    filtering(without, False)
    follow(without, False)
finally:
    without.quit()

phone = browser(True, width=500, dark=True)
try:
    phone.get(url("/"))
    until(phone, "the list", lambda: state(phone, "cat") == "running")
    wide = phone.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0, f"{wide} pixels too wide for a phone"
    picture(phone, "phone")
finally:
    phone.quit()
print("all seen")
