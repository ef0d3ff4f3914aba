"""Runs a handler for Python as Lambda's managed runtimes do, for Python 3.8 and newer:

    python3 bootstrap.py SETTINGS

The settings are JSON: see type pythonSettings in python.go. What a handler is and what an error looks
like is Lambda's; the sentences that say what to do are ours.
"""

import decimal
import http.client
import importlib
import json
import logging
import os
import sys
import time
import traceback
from urllib.parse import quote

PREFIX = "/2018-06-01/runtime/"
ASCII = True  # whether other characters are written as escapes: before Python 3.12


class Fault(Exception):
    """An error of the runtime, with the type that Lambda gives it."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.shape = {
            "errorMessage": message,
            "errorType": "Runtime." + kind,
            "requestId": "",
            "stackTrace": list(trace),
        }


class API:
    """The Runtime API, on one connection, on which one request follows the other."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def _send(self, method, path, body=None, headers=None):
        self.connection.request(method, PREFIX + path, body, headers or {})
        response = self.connection.getresponse()
        return response, response.read()

    def next(self):
        response, body = self._send("GET", "invocation/next")
        if response.status != 200:
            raise OSError("it answered %d when asked for the next invocation" % response.status)
        return response.headers, body

    def respond(self, request_id, text):
        headers = {"Content-Type": "application/json"}
        response, body = self._send("POST", "invocation/%s/response" % request_id, text.encode(), headers)
        # The Runtime API refuses a response that is too large, and reports that itself.
        if response.status >= 400:
            print("The response was refused: " + body.decode(errors="replace"), file=sys.stderr)

    def fail(self, path, shape):
        self._send("POST", path, to_json(shape).encode(), {
            "Content-Type": "application/vnd.aws.lambda.error+json",
            "Lambda-Runtime-Function-Error-Type": quote(shape["errorType"], safe=".:"),
        })


class Encoder(json.JSONEncoder):
    """Encodes decimals, as DynamoDB's numbers are, as numbers."""

    def default(self, o):
        if isinstance(o, decimal.Decimal):
            return float(o)
        return super().default(o)


def to_json(value):
    return json.dumps(value, cls=Encoder, ensure_ascii=ASCII)


class Attributes:
    """An object with the given attributes, None for those that the data lacks."""

    def __init__(self, names, data):
        for name in names:
            setattr(self, name, data.get(name))

    def __repr__(self):
        pairs = ("%s=%s" % pair for pair in vars(self).items())
        return "%s([%s])" % (type(self).__name__, ",".join(pairs))


class Client(Attributes):
    pass


class ClientContext(Attributes):
    pass


class CognitoIdentity(Attributes):
    pass


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.tenant_id = headers["Lambda-Runtime-Aws-Tenant-Id"]
        self.client_context = None
        given = headers["Lambda-Runtime-Client-Context"]
        if given:
            data = json.loads(given)
            self.client_context = ClientContext(("custom", "env"), data)
            self.client_context.client = Client(
                ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"),
                data.get("client") or {},
            )
        identity = json.loads(headers["Lambda-Runtime-Cognito-Identity"] or "{}")
        self.identity = CognitoIdentity((), {})
        self.identity.cognito_identity_id = identity.get("cognitoIdentityId")
        self.identity.cognito_identity_pool_id = identity.get("cognitoIdentityPoolId")
        self._epoch_deadline_time_in_ms = int(headers["Lambda-Runtime-Deadline-Ms"] or 0)

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return "LambdaContext([%s])" % ",".join("%s=%s" % pair for pair in vars(self).items())


def shape_of(error, request_id=""):
    """Returns what the caller of the function gets for an error."""
    if isinstance(error, Fault):
        return dict(error.shape, requestId=request_id)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    # What importlib and json do between our code and the application's is nobody's concern.
    while frames and frames[0].filename.startswith("<frozen importlib"):
        del frames[0]
    while frames and frames[0].filename == importlib.__file__:
        del frames[0]
        while frames and frames[0].filename.startswith("<frozen importlib"):
            del frames[0]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(frames),
    }


def report(shape):
    """Writes an error to standard output, where Lambda's runtimes write it."""
    text = "[ERROR] %(errorType)s: %(errorMessage)s" % shape
    if shape["stackTrace"]:
        text += "\nTraceback (most recent call last):\n" + "".join(
            line if line.endswith("\n") else line + "\n" for line in shape["stackTrace"]
        ).rstrip("\n")
    sys.stdout.write(text + "\n")


def load(settings):
    """Returns the handler."""
    name = os.environ.get("_HANDLER") or settings["handler"]
    module_name, dot, function = name.rpartition(".")
    if not dot or not module_name.strip("./") or not function:
        raise Fault("MalformedHandlerName",
                    "Bad handler '%s': it needs a module and a function, such as app.handler." % name)
    dotted = module_name.replace("/", ".")
    if dotted.split(".")[0] in sys.builtin_module_names:
        raise Fault("BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name)
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise Fault("ImportModuleError", message + import_hint(error, dotted, settings), shape_of(error)["stackTrace"])
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, (error.text or "").rstrip("\n"))
        raise Fault("UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), [place])
    except (TypeError, ValueError) as error:
        if dotted.startswith(".") or ".." in dotted:
            raise Fault("ImportModuleError", "Unable to import module '%s': %s" % (module_name, error))
        raise
    try:
        return getattr(module, function)
    except AttributeError:
        has = sorted(n for n, v in vars(module).items()
                     if callable(v) and getattr(v, "__module__", None) == module.__name__)
        raise Fault("HandlerNotFound", "Handler '%s' missing on module '%s' (%s). It has %s." % (
            function, module_name, getattr(module, "__file__", None), ", ".join(has) or "no function"))


def import_hint(error, dotted, settings):
    """Says what to do about a module that is missing."""
    missing = getattr(error, "name", None)
    if not isinstance(error, ModuleNotFoundError) or not missing:
        return ""
    if dotted == missing or dotted.startswith(missing + "."):
        path = os.path.join(settings["task"], *dotted.split("."))
        looked = [os.path.relpath(p, settings["task"]) for p in (path + ".py", os.path.join(path, "__init__.py"))]
        return ". Looked at %s in %s." % (" and ".join(looked), settings["task"])
    package = missing.split(".")[0]
    if os.path.isdir(os.path.join(settings["task"], package)):
        return ""
    if package in ("boto3", "botocore"):
        return ". Install boto3 for %s." % sys.executable
    requirements = os.path.join(settings["task"], "requirements.txt")
    if os.path.isfile(requirements):
        return '. If requirements.txt has it: "%s -m pip install -r %s".' % (sys.executable, requirements)
    return '. Install it: "%s -m pip install %s".' % (sys.executable, package)


class LogHandler(logging.Handler):
    """Writes the records of module logging, in Lambda's form."""

    request_id = ""

    def __init__(self):
        super().__init__()
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record):
        record.aws_request_id = LogHandler.request_id
        try:
            sys.stdout.write(self.format(record) + "\n")
        except Exception:  # as all handlers of module logging do
            self.handleError(record)


def invoke(api, handler, headers, body):
    request_id = headers["Lambda-Runtime-Aws-Request-Id"]
    LogHandler.request_id = request_id
    trace_id = headers["Lambda-Runtime-Trace-Id"]
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        context = LambdaContext(headers)
        try:
            event = json.loads(body)
        except ValueError as error:
            raise Fault("UnmarshalError", "Unable to unmarshal input: %s" % error)
        result = handler(event, context)
        try:
            text = to_json(result)
        except Exception as error:
            raise Fault("MarshalError", "Unable to marshal response: %s" % error)
    except Exception as error:
        shape = shape_of(error, request_id)
        report(shape)
        sys.stdout.flush()
        api.fail("invocation/%s/error" % request_id, shape)
    else:
        sys.stdout.flush()
        api.respond(request_id, text)


def main():
    global ASCII
    settings = json.loads(sys.argv.pop(1))
    ASCII = settings["ascii"]
    # This folder's place is the application's. Layers come before what the interpreter has, and the SDK
    # after that.
    sys.path[0:1] = [settings["task"]] + settings["before"]
    sys.path += settings["after"]
    sys.pycache_prefix = settings["compiled"] or None
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, encoding="utf-8", errors="backslashreplace")
    logging.getLogger().addHandler(LogHandler())

    api = API(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load(settings)
    except Exception as error:
        shape = shape_of(error)
        report(shape)
        sys.stdout.flush()
        api.fail("init/error", shape)
        sys.exit(1)
    while True:
        try:
            headers, body = api.next()
        except (OSError, http.client.HTTPException) as error:
            sys.exit("gatesock: the Runtime API is gone: %s" % error)
        invoke(api, handler, headers, body)


if __name__ == "__main__":
    main()
