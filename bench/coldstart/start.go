package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// startOnce starts a program as Lambda does, sends it an event, and ends it.
func startOnce(ctx context.Context, program, certs string, q *quota) (got times, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	api := newRuntimeAPI()
	runtime := httptest.NewServer(api)
	defer runtime.Close()
	gateway, authority, err := serveGateway(api.gateway)
	if err != nil {
		return times{}, err
	}
	defer gateway.Close()
	folder, err := os.MkdirTemp("", "coldstart")
	if err != nil {
		return times{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	roots, err := trust(folder, certs, authority)
	if err != nil {
		return times{}, err
	}

	args := q.command(program)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // it was built for this
	cmd.Stderr = os.Stderr
	cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtime.URL, "http://"), "AWS_LAMBDA_FUNCTION_NAME=f",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_SESSION_TOKEN=" + strings.Repeat("token", 160), "HOME=" + folder, "TABLE=chat",
		"GATEWAY_ENDPOINT=" + gateway.URL + "/prod", "AWS_ENDPOINT_URL_DYNAMODB=" + gateway.URL,
	}, roots...)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return times{}, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	select {
	case <-api.answered:
	case <-ended:
		return times{}, fmt.Errorf("%s exited: %w", filepath.Base(program), errors.Join(ctx.Err(), errEnded))
	}
	cancel() // kills it
	<-ended
	got, err = api.since(start)
	got.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return got, err
}

var errEnded = errors.New("it did not answer the event")

// The layouts of the system certificates.
const (
	certsSystem = "system" // this machine's
	certsLambda = "lambda" // as in provided.al2023: two folders with links to the bundle
)

// trust returns the environment that makes a program trust an authority besides those of the
// system.
func trust(folder, certs string, authority []byte) ([]string, error) {
	bundle, err := systemBundle()
	if err != nil {
		return nil, err
	}
	tls := filepath.Join(folder, "tls")
	if err := os.Mkdir(tls, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(tls, "ca-bundle.crt")
	if err := os.WriteFile(file, append(bundle, authority...), 0o600); err != nil {
		return nil, err
	}
	env := []string{"SSL_CERT_FILE=" + file}
	if certs == certsSystem {
		return env, nil
	}
	link := filepath.Join(folder, "ssl")
	return append(env, "SSL_CERT_DIR="+link+":"+tls), os.Symlink(tls, link)
}

func systemBundle() ([]byte, error) {
	for _, name := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if data, err := os.ReadFile(name); err == nil { //nolint:gosec // one of two
			return data, nil
		}
	}
	return nil, errors.New("found no bundle of certificates; on Debian, install the package ca-certificates")
}
