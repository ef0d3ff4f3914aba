package runtimeapi

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// The paths of the Runtime API.
const (
	pathNext       = "/2018-06-01/runtime/invocation/next"
	pathInvocation = "/2018-06-01/runtime/invocation/"
	pathInitError  = "/2018-06-01/runtime/init/error"
	pathRestore    = "/2018-06-01/runtime/restore/"
	pathPing       = "/2018-06-01/ping"
	pathExtension  = "/2020-01-01/extension/"
	pathLogs       = "/2020-08-15/logs"
	pathTelemetry  = "/2022-07-01/telemetry"
)

// maxHead is how many bytes the head of a request has at most. A program may send the cause of an
// error in a header, with up to 1 MiB.
const maxHead = 2 << 20

// readBuffer is the size of a connection's buffer, which holds the trailers of a response: the
// error that a program meets in the middle of it.
const readBuffer = 64 << 10

// smallPayload is how many bytes are copied, so that they are written together with their head.
const smallPayload = 64 << 10

// conn is a connection of a program to its Runtime API. It is read by one goroutine, and written by
// that, or while the program waits for an invocation, by the goroutine that has one. net/http's
// server would need more of them and cost twice as much as the whole of an invocation does here.
type conn struct {
	i    *instance
	net  net.Conn
	r    *bufio.Reader
	last bool  // the request is the last one on this connection
	left int64 // how many bytes may still be read, or -1 for any number
}

func newConn(i *instance, nc net.Conn) *conn {
	c := &conn{i: i, net: nc}
	c.r = bufio.NewReaderSize(readerFunc(c.read), readBuffer)
	return c
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

var errHead = errors.New("the head of the request is too long")

func (c *conn) read(b []byte) (int, error) {
	if c.left < 0 {
		return c.net.Read(b)
	}
	if c.left == 0 {
		return 0, errHead
	}
	n, err := c.net.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// serve serves requests until the connection ends.
func (c *conn) serve() {
	defer c.close()
	for {
		c.left = maxHead
		r, err := http.ReadRequest(c.r)
		waited := c.i.f.withdraws(c.i, c)
		switch {
		case waited:
			return // closed, or a request before the last one was answered
		case errors.Is(err, errHead):
			c.answer(http.StatusRequestHeaderFieldsTooLarge, answerBody{Message: errHead.Error(), Type: "InvalidRequest"})
			c.linger()
			return
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			c.answer(http.StatusBadRequest, answerBody{Message: "no HTTP request: " + err.Error(), Type: "InvalidRequest"})
			c.linger()
			return
		}
		c.left, c.last = -1, r.Close
		if !c.handle(r) {
			return
		}
		if r.Body != http.NoBody {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
		}
		if c.last && !c.i.f.waits(c.i, c) {
			c.linger()
			return
		}
	}
}

// linger reads what is left, since an answer is lost when its connection is closed with more to
// read.
func (c *conn) linger() {
	c.closeWrite()
	_, _ = io.Copy(io.Discard, c.net)
}

func (c *conn) closeWrite() {
	if tcp, ok := c.net.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

func (c *conn) close() {
	_ = c.net.Close()
	c.i.f.mu.Lock()
	defer c.i.f.mu.Unlock()
	delete(c.i.conns, c)
}

// write writes a head and a body.
func (c *conn) write(head, body []byte) {
	var err error
	if len(body) <= smallPayload {
		_, err = c.net.Write(append(head, body...))
	} else {
		buffers := net.Buffers{head, body}
		_, err = buffers.WriteTo(c.net)
	}
	if err != nil {
		_ = c.net.Close()
	}
}

// answerBody is the body of an answer that is not an invocation.
type answerBody struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

func (c *conn) answer(status int, body answerBody) {
	text, _ := json.Marshal(body)
	c.answerText(status, "application/json", string(text)+"\n")
}

func (c *conn) answerText(status int, contentType, text string) {
	c.write([]byte("HTTP/1.1 "+strconv.Itoa(status)+" "+http.StatusText(status)+"\r\nContent-Type: "+contentType+
		"\r\nContent-Length: "+strconv.Itoa(len(text))+"\r\n\r\n"+text), nil)
}

const accepted = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n"

// handle answers a request, and reports whether the connection may go on.
func (c *conn) handle(r *http.Request) bool {
	path := r.URL.Path
	switch {
	case !c.own(r):
		c.answer(http.StatusForbidden, answerBody{"the Runtime API serves only its function's process", "InvalidRequest"})
		return true
	case path == pathNext:
		return c.refuses(r, http.MethodGet) || c.i.f.asks(c.i, c)
	case path == pathInitError:
		return c.refuses(r, http.MethodPost) || c.initError(r)
	case strings.HasPrefix(path, pathInvocation):
		id, what, _ := strings.Cut(path[len(pathInvocation):], "/")
		switch what {
		case "response":
			return c.refuses(r, http.MethodPost) || c.response(r, id)
		case "error":
			return c.refuses(r, http.MethodPost) || c.error(r, id)
		}
	case path == pathPing:
		c.answerText(http.StatusOK, "text/plain", "pong")
		return true
	case strings.HasPrefix(path, pathExtension):
		return c.refuse(http.StatusNotImplemented, "Extension.NotSupported", "extensions are not supported: they run only on Lambda")
	case strings.HasPrefix(path, pathRestore):
		return c.refuse(http.StatusNotImplemented, "Restore.NotSupported", "SnapStart is not supported: it is there only on Lambda")
	// Accepted, so that programs go on (Lambda Developer Guide, "Telemetry API reference").
	case path == pathTelemetry:
		return c.refuse(http.StatusAccepted, "Telemetry.NotSupported", "the Telemetry API is not supported: it is there only on Lambda")
	case path == pathLogs:
		return c.refuse(http.StatusAccepted, "Logs.NotSupported", "the Logs API is not supported: it is there only on Lambda")
	}
	return c.refuse(http.StatusNotFound, "InvalidRequest", "the Runtime API has no "+r.Method+" "+strconv.QuoteToASCII(path))
}

// own reports whether a request comes from the process, and not from a web page whose browser
// reaches this port.
func (c *conn) own(r *http.Request) bool {
	if r.Header["Origin"] != nil || r.Header["Sec-Fetch-Site"] != nil {
		return false
	}
	if r.Host == c.i.address {
		return true
	}
	_, port, _ := net.SplitHostPort(c.i.address)
	return r.Host == "localhost:"+port
}

// refuses answers a request with another method than the one that its path has, and reports whether
// it did.
func (c *conn) refuses(r *http.Request, method string) bool {
	if r.Method == method {
		return false
	}
	c.answer(http.StatusMethodNotAllowed, answerBody{"the method is " + r.Method + ", want " + method, "InvalidRequest"})
	return true
}

// refuse answers a request for what is not there, and says so in the log.
func (c *conn) refuse(status int, kind, message string) bool {
	c.answer(status, answerBody{message, kind})
	c.i.line(Platform, kind+": "+message)
	return true
}

// body reads the body of a request, up to the size of a response.
func (c *conn) body(r *http.Request) (body []byte, tooLarge bool, err error) {
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n"), nil)
	}
	if r.ContentLength > maxPayload {
		return nil, true, nil
	}
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
		return body, false, err
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	return body, len(body) > maxPayload, err
}

// response takes the response to an invocation.
func (c *conn) response(r *http.Request, id string) bool {
	if refusal := c.i.mayReply(id); refusal != nil {
		c.answer(refusal.status, refusal.answerBody)
		return true
	}
	if mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode"); mode != "" && !strings.EqualFold(mode, "streaming") {
		c.fails(id, &Error{Type: "Runtime.InvalidResponseModeHeader", Message: "Invalid function response mode"})
		c.answer(http.StatusBadRequest, answerBody{"Invalid function response mode", "InvalidFunctionResponseMode"})
		return true
	}
	body, tooLarge, err := c.body(r)
	switch {
	case err != nil:
		c.i.breaksOff(id)
		return false
	case tooLarge:
		c.fails(id, &Error{Type: TypeTooLarge, Message: "Response payload size exceeded maximum allowed payload size (6291556 bytes)."})
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return false
		}
		c.answer(http.StatusRequestEntityTooLarge, answerBody{"Exceeded maximum allowed payload size (6291556 bytes).", "RequestEntityTooLarge"})
		return true
	}
	failed := trailerError(r.Trailer.Get("Lambda-Runtime-Function-Error-Type"), r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
	return c.replies(id, body, failed)
}

// error takes the error of an invocation.
func (c *conn) error(r *http.Request, id string) bool {
	if refusal := c.i.mayReply(id); refusal != nil {
		c.answer(refusal.status, refusal.answerBody)
		return true
	}
	body, tooLarge, err := c.body(r)
	switch {
	case err != nil:
		c.i.breaksOff(id)
		return false
	case tooLarge:
		return c.replies(id, nil, &Error{Type: TypeTooLarge, Message: "the error is larger than 6291556 bytes"})
	}
	return c.replies(id, nil, programError(body, r.Header.Get("Lambda-Runtime-Function-Error-Type")))
}

// replies ends an invocation. The program is answered first, since it has more to do until the next
// invocation than the caller.
func (c *conn) replies(id string, body []byte, failed *Error) bool {
	call, refusal := c.i.replies(id, failed)
	if refusal != nil {
		c.answer(refusal.status, refusal.answerBody)
		return true
	}
	c.write([]byte(accepted), nil)
	c.i.f.settle(call, body)
	return true
}

// fails ends an invocation with an error that the program does not know of.
func (c *conn) fails(id string, failed *Error) {
	if call, refusal := c.i.replies(id, failed); refusal == nil {
		c.i.f.settle(call, nil)
	}
}

// initError takes the error of a start.
func (c *conn) initError(r *http.Request) bool {
	body, tooLarge, err := c.body(r)
	if err != nil {
		return false
	}
	failed := programError(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	if tooLarge {
		failed = &Error{Type: TypeTooLarge, Message: "the error is larger than 6291556 bytes"}
	}
	if !c.i.failsToStart(failed) {
		c.answer(http.StatusForbidden, stateError("init/error"))
		return true
	}
	c.write([]byte(accepted), nil)
	return true
}

// refusal is why a reply does not count.
type refusal struct {
	status int
	answerBody
}

func stateError(what string) answerBody {
	return answerBody{"the function is not in a state for " + what, "InvalidStateTransition"}
}

// mayReply returns why a reply to an invocation would not count, or nil.
func (i *instance) mayReply(id string) *refusal {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	return i.replyRefusal(id)
}

func (i *instance) replyRefusal(id string) *refusal {
	switch {
	case i.call == nil || i.call.id != id:
		return &refusal{http.StatusBadRequest, answerBody{"Invalid request ID", "InvalidRequestID"}}
	case i.call.replied || i.dying:
		return &refusal{http.StatusForbidden, stateError("a second reply")}
	}
	return nil
}

// replies records a reply, and returns the invocation, or why the reply does not count. The caller
// must call settle.
func (i *instance) replies(id string, failed *Error) (*call, *refusal) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if r := i.replyRefusal(id); r != nil {
		return nil, r
	}
	i.call.replied, i.call.failed, i.call.err = true, failed, failed
	return i.call, nil
}

// settle hands the caller of an invocation the program's reply.
func (f *Function) settle(c *call, body []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if failed := c.failed; failed != nil {
		c.settle(result{err: failed})
		return
	}
	c.settle(result{payload: body})
}

// breaksOff records that the connection ended in the middle of a reply. The program may reply
// again. If it asks for the next invocation instead, this one has failed; mostly it has ended.
func (i *instance) breaksOff(id string) {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if i.call != nil && i.call.id == id {
		i.truncated = true
	}
}

// failsToStart takes what a program says about its failed start, and reports whether it starts.
func (i *instance) failsToStart(err *Error) bool {
	i.f.mu.Lock()
	defer i.f.mu.Unlock()
	if !i.starting() {
		return false
	}
	i.initError = err
	return true
}
