"""A headless Chromium, driven over a pipe by the DevTools protocol: open a page, ask it, take its picture."""
import base64
import fcntl
import json
import os
import shutil
import subprocess

PROGRAM = shutil.which("chromium")


class Ended(Exception):
    """The browser is gone."""


def start(folder):
    """A browser, or None where there is none, or none that runs."""
    if PROGRAM is None:
        return None
    chromium = Browser(folder)
    try:
        chromium.ask("Browser.getVersion")
    except (Ended, BrokenPipeError):
        chromium.close()
        return None
    return chromium


class Browser:
    def __init__(self, folder):
        theirs_in, self.to = os.pipe()
        self.answers, theirs_out = os.pipe()
        # Out of the way of 3 and 4, where Chromium wants them.
        read_end, write_end = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (theirs_in, theirs_out))
        # As root Chromium wants --no-sandbox; the page is our own.
        self.process = subprocess.Popen(
            ["sh", "-c", f'exec "$@" 3</dev/fd/{read_end} 4>/dev/fd/{write_end}', "sh", PROGRAM, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(read_end, write_end), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (theirs_in, theirs_out, read_end, write_end):
            os.close(fd)
        self.last, self.buffer, self.events, self.session = 0, b"", [], None

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.answers)

    def read(self):
        while b"\0" not in self.buffer:
            more = os.read(self.answers, 1 << 20)
            if not more:
                raise Ended
            self.buffer += more
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **params):
        """The result of one command; what happens until then goes to self.events."""
        self.last += 1
        request = {"id": self.last, "method": method, "params": params, **({"sessionId": self.session} if self.session else {})}
        os.write(self.to, json.dumps(request).encode() + b"\0")
        while (message := self.read()).get("id") != self.last:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def open(self, url, width, dark):
        """Load a page in this width and scheme; returns once it is loaded."""
        if self.session is None:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log"):
                self.ask(f"{domain}.enable")
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        self.events.clear()
        self.ask("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.read())

    def value(self, expression):
        """What an expression of JavaScript gives, once its promise is kept."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self, path):
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def troubles(self):
        """Exceptions, and whatever came to the console."""
        methods = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in methods]
