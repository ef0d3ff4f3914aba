package managed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// ServeLegacy lets a Go program that is older than the Runtime API run where the Runtime API is
// served: it starts the program, and hands invocations on in the protocol that it knows. See
// [LegacyGoError]. The address of the Runtime API is taken from the environment, which the program
// gets too. What package runtimeapi starts instead of the program is a command that calls
// ServeLegacy.
//
// It returns when ctx ends, when the program has ended, or when the Runtime API is gone, with an
// error in each case. The program does not live on.
func ServeLegacy(ctx context.Context, binary string) error {
	address := os.Getenv(apiVariable)
	if address == "" {
		return fmt.Errorf("%s is not set: there is no Runtime API", apiVariable)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), legacyVariable+"="+port)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := cmd.Wait()
		if err == nil {
			err = errors.New("exit status 0")
		}
		cancel(fmt.Errorf("%s has ended: %w", binary, err))
	}()
	defer func() {
		cancel(nil)
		<-ended
	}()
	server := &legacyServer{base: "http://" + address + "/2018-06-01/runtime/"}
	if err := server.connect(ctx, net.JoinHostPort("127.0.0.1", port)); err != nil {
		return err
	}
	defer server.program.Close()
	for {
		if err := server.invoke(ctx); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}

// freePort returns a port of this machine that nobody uses.
func freePort(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// legacyServer is between the Runtime API and a program.
type legacyServer struct {
	base    string
	client  http.Client
	program *rpc.Client
}

// connect waits until the program listens.
func (s *legacyServer) connect(ctx context.Context, address string) error {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			s.program = rpc.NewClient(conn)
			return s.call(ctx, "Function.Ping", &messages.PingRequest{}, &messages.PingResponse{})
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *legacyServer) call(ctx context.Context, method string, request, response any) error {
	call := s.program.Go(method, request, response, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if errors.Is(call.Error, rpc.ErrShutdown) || errors.Is(call.Error, io.ErrUnexpectedEOF) {
			// The program has ended, which says more.
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return call.Error
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// invoke serves one invocation.
func (s *legacyServer) invoke(ctx context.Context) error {
	headers, payload, err := s.send(ctx, http.MethodGet, "invocation/next", nil)
	if err != nil {
		return err
	}
	request := legacyRequest(headers, payload)
	var response messages.InvokeResponse
	if err := s.call(ctx, "Function.Invoke", request, &response); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		response.Error = &messages.InvokeResponse_Error{Message: err.Error(), Type: "Runtime.Unknown"}
	}
	path := "invocation/" + request.RequestId
	if response.Error == nil {
		_, _, err = s.send(ctx, http.MethodPost, path+"/response", response.Payload)
		return err
	}
	text, err := json.Marshal(response.Error)
	if err != nil {
		return err
	}
	if _, _, err := s.send(ctx, http.MethodPost, path+"/error", text); err != nil {
		return err
	}
	if response.Error.ShouldExit {
		return fmt.Errorf("the program cannot go on after the error: %s", response.Error.Message)
	}
	return nil
}

// send sends a request to the Runtime API. What it refuses it reports itself.
func (s *legacyServer) send(ctx context.Context, method, path string, body []byte) (http.Header, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("the Runtime API is gone: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && method == http.MethodGet && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the Runtime API answered %s", response.Status)
	}
	return response.Header, data, err
}

// legacyRequest returns an invocation in the old protocol.
func legacyRequest(headers http.Header, payload []byte) *messages.InvokeRequest {
	ms, err := strconv.ParseInt(headers.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	if err != nil {
		ms = time.Now().Add(time.Minute).UnixMilli()
	}
	var identity struct{ CognitoIdentityID, CognitoIdentityPoolID string }
	// Without an identity, or with one that is not JSON, the fields stay empty.
	_ = json.NewDecoder(strings.NewReader(headers.Get("Lambda-Runtime-Cognito-Identity"))).Decode(&identity)
	return &messages.InvokeRequest{
		Payload:               payload,
		RequestId:             headers.Get("Lambda-Runtime-Aws-Request-Id"),
		XAmznTraceId:          headers.Get("Lambda-Runtime-Trace-Id"),
		Deadline:              messages.InvokeRequest_Timestamp{Seconds: ms / 1000, Nanos: ms % 1000 * 1e6},
		InvokedFunctionArn:    headers.Get("Lambda-Runtime-Invoked-Function-Arn"),
		CognitoIdentityId:     identity.CognitoIdentityID,
		CognitoIdentityPoolId: identity.CognitoIdentityPoolID,
		ClientContext:         []byte(headers.Get("Lambda-Runtime-Client-Context")),
	}
}
