package console

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/gatesock/gatesock/internal/oneline"
)

// longestText bounds what is shown of a text of the other side, in bytes.
const longestText = 1000

// text returns how a connection ended, in one line: who, the code, its reason and what it means.
func (c closing) text() string {
	who := "closed by the other side"
	switch {
	case c.ours:
		who = "closed"
	case c.code == 1006:
		who = "lost"
	}
	text := fmt.Sprintf("%s: %d", who, c.code)
	if c.reason != "" {
		text += " " + oneline.Of(c.reason, longestText)
	}
	if c.ours {
		return text
	}
	if meaning := codeMeaning(c.code); meaning != "" {
		text += " (" + meaning + ")"
	}
	if c.cause != nil && !errors.Is(c.cause, io.EOF) {
		text += ": " + oneline.Of(innermost(c.cause).Error(), longestText)
	}
	return text
}

// innermost returns the last error of a chain.
func innermost(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(next) {
		err = next
	}
	return err
}

// codeMeaning returns what a close code means, in particular one of API Gateway: see
// docs/gateway-facts.md, section 8.
func codeMeaning(code int) string {
	switch code {
	case 1000:
		return "the application has closed it, as DELETE of @connections does"
	case 1001:
		return "idle for 10 minutes, open for 2 hours, or the server ends"
	case 1002:
		return "a breach of the WebSocket protocol"
	case 1003:
		return "API Gateway takes no binary messages: send base64 in a text"
	case 1005:
		return "a close frame without a code"
	case 1006:
		return "it ended without a close frame: the server or the network is gone"
	case 1007:
		return "a message that is not UTF-8"
	case 1008:
		return "too many requests of one client"
	case 1009:
		return "a frame above 32 KB or a message above 128 KB"
	case 1011:
		return "an internal error of the server"
	case 1012:
		return "the service restarts: connect again"
	case 1013:
		return "the server is overloaded: connect again later"
	}
	switch {
	case code >= 4000 && code <= 4999:
		return "a code of the application"
	case code >= 3000 && code <= 3999:
		return "a code of a library or a framework"
	}
	return ""
}

// text returns how a handshake was refused, in lines: the status, what came with it, and what to
// look at.
func (r *refusal) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "refused: %d %s", r.status, http.StatusText(r.status))
	if body := strings.TrimSpace(r.body); body != "" {
		fmt.Fprintf(&b, "\n  %s", oneline.Of(body, longestText))
	}
	if kind := r.header.Get("X-Amzn-Errortype"); kind != "" && !strings.Contains(r.body, kind) {
		fmt.Fprintf(&b, "\n  x-amzn-ErrorType: %s", oneline.Of(kind, longestText))
	}
	if advice := statusAdvice(r.status, r.body); advice != "" {
		fmt.Fprintf(&b, "\n  %s", advice)
	}
	return b.String()
}

// statusAdvice returns what to look at when a handshake was refused: see docs/gateway-facts.md,
// sections 3 and 4.
func statusAdvice(status int, body string) string {
	switch {
	case strings.Contains(body, "Missing Authentication Token"):
		return "$connect has IAM authorization: use --iam; or the path is not that of a stage"
	case strings.Contains(body, "signature"), strings.Contains(body, "security token"):
		return "look at the credentials, the region (--region) and the clock of this machine"
	case status == http.StatusUnauthorized:
		return "the authorizer wants something that is missing or not valid: a query parameter, or a header (-H 'name: value')"
	case status == http.StatusForbidden:
		return "the authorizer denies it, or the path is not that of a stage, or IAM does not allow execute-api:Invoke"
	case status == http.StatusTooManyRequests:
		return "too many new connections: 500 a second for an account, or a limit of the stage; try again"
	case status == http.StatusInternalServerError:
		return "the authorizer failed, or its answer is not valid: look at its log"
	case status == http.StatusBadGateway:
		return "the function of $connect failed or returned no statusCode: look at its log"
	case status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return "the function of $connect did not answer in time: look at its log"
	case status == http.StatusUpgradeRequired:
		return "the server did not take it for a WebSocket handshake: something on the way has removed its headers"
	case status >= 300 && status < 400:
		return "the server leads elsewhere: use that address, or the function of $connect returned this status"
	case status == http.StatusNotFound:
		return "there is nothing at this path: look at the stage"
	case status >= 400 && status < 500:
		return "the function of $connect returned this status, or the request is malformed"
	case status == http.StatusOK:
		return "this is not a WebSocket server, or not the path of one"
	}
	return ""
}

// connectError returns why there is no connection, in lines.
func connectError(err error) string {
	refused := new(refusal)
	if errors.As(err, &refused) {
		return refused.text()
	}
	text := "not connected: " + oneline.Of(err.Error(), longestText)
	unknown := x509.UnknownAuthorityError{}
	name := x509.HostnameError{}
	lookup := new(net.DNSError)
	switch {
	case errors.As(err, &unknown):
		text += "\n  gatesock dev's own certificates are trusted for this machine; --insecure trusts any"
	case errors.As(err, &name):
		text += "\n  the certificate is for another name; --insecure trusts any"
	case errors.As(err, &lookup):
		text += "\n  look at the host's name"
	case errors.Is(err, syscall.ECONNREFUSED):
		text += "\n  nobody listens there: is the server running, and is this its port?"
	}
	return text
}
