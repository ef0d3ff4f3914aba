package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/emulator/workbench"
	"github.com/gatesock/gatesock/examples/iot"
	"github.com/gatesock/gatesock/examples/iot/bridge"
	"github.com/gatesock/gatesock/examples/iot/web"
	"github.com/gatesock/gatesock/observe"
)

// server is all that the program serves.
type server struct {
	settings

	app     *iot.App
	bench   *workbench.Workbench
	gateway *emulator.Gateway
	broker  *bridge.Broker
	pages   net.Listener
	handler lambda.Handler
	running sync.WaitGroup
}

// watchEvery is how often the schedule "watch" runs: more often than on AWS, where it is each
// minute.
const watchEvery = 2 * time.Second

// run serves until ctx ends, and reports to out where.
func run(ctx context.Context, c settings, out io.Writer) (err error) {
	if gatesock.InLambda() {
		c.http, c.mqtt = "127.0.0.1:0", "127.0.0.1:0" // to describe the app, also while another one runs
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &server{settings: c}
	defer func() {
		stop()
		err = errors.Join(err, s.close(context.WithoutCancel(ctx)))
	}()
	if err := s.open(ctx); err != nil {
		return err
	}
	keys, err := s.makeKeys(ctx)
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	s.serve(serving, "the page", s.pages, s.gateway, failed)
	if c.pprof != "" {
		if err := s.profile(serving, failed); err != nil {
			return err
		}
	}
	s.running.Go(func() { s.watch(serving) })
	if err := s.announce(out, keys); err != nil {
		return err
	}
	devices, end := context.WithCancel(ctx)
	var simulated sync.WaitGroup
	simulated.Go(func() { s.simulate(devices, keys) })
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	end()
	simulated.Wait() // they still send what they have
	return err
}

// open makes the app, its gateway and its broker.
func (s *server) open(ctx context.Context) (err error) {
	if s.pages, err = new(net.ListenConfig).Listen(ctx, "tcp", s.http); err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	devices, err := new(net.ListenConfig).Listen(ctx, "tcp", s.mqtt)
	if err != nil {
		return fmt.Errorf("-mqtt: %w", err)
	}
	if err := s.openBench(); err != nil {
		return errors.Join(err, devices.Close())
	}
	stage := s.bench.Stage("local")
	var requests http.Handler // of the app, which needs the gateway
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { requests.ServeHTTP(w, r) })
	cfg := stage.Config(emulator.Config{Stage: "local", Pages: pages}) //nolint:contextcheck // nothing is connected yet
	s.gateway, err = emulator.NewFunc(func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
		s.app, err = s.at.open(ctx, api, s.options()...)
		if err != nil {
			return nil, err
		}
		requests = s.app.HTTP()
		s.handler = observe.New(observe.WithOutput(metrics())).Handler(s.app.Handler())
		if gatesock.InLambda() {
			gatesock.Start(s.handler) // prints the description and exits
		}
		return s.handler, nil
	}, cfg)
	if err == nil {
		err = stage.Attach(s.gateway) //nolint:contextcheck // nothing is connected yet
	}
	if err != nil {
		return errors.Join(err, devices.Close())
	}
	s.broker, err = bridge.New(devices, bridge.Config{
		Keys: s.app.Keys(), Function: gatesock.Wrap(s.handler, s.noting),
		Refused: func(ctx context.Context, tenant, what string) {
			s.app.Refuse(ctx, tenant, iot.ReasonForbidden, what)
		},
	})
	return err
}

func (s *server) options() []iot.Option {
	return []iot.Option{
		iot.WithPage(web.Handler()),
		iot.WithSocketURL(s.socketURL()),
		iot.WithRetention(s.retention),
		iot.WithCoalescing(s.coalescing),
		iot.WithDownlink(func(ctx context.Context, tenant, device string, o iot.Order) error {
			return s.broker.Send(ctx, tenant, device, o)
		}),
	}
}

// serve serves HTTP until ctx ends.
func (s *server) serve(ctx context.Context, what string, l net.Listener, h http.Handler, failed chan<- error) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	s.running.Go(func() {
		if err := server.Serve(emulator.NewListener(l)); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("%s: %w", what, err)
		}
	})
	s.running.Go(func() {
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		_ = s.bench.Close(ctx)
		_ = s.gateway.Shutdown(ctx) // else its connections keep the server
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	})
}

// profile serves profiles of this program.
func (s *server) profile(ctx context.Context, failed chan<- error) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.pprof)
	if err != nil {
		return fmt.Errorf("-pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	s.serve(ctx, "-pprof", l, mux, failed)
	return nil
}

// shutdownTime is for how long the end may take.
const shutdownTime = 30 * time.Second

// close ends everything, and waits for it.
func (s *server) close(ctx context.Context) error {
	s.running.Wait()
	var errs []error
	if s.broker != nil {
		errs = append(errs, s.broker.Close())
	}
	if s.gateway != nil {
		ctx, cancel := context.WithTimeout(ctx, shutdownTime)
		defer cancel()
		errs = append(errs, s.gateway.Shutdown(ctx))
	}
	if s.pages != nil {
		if err := s.pages.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// watch runs the schedule "watch", as a rule of EventBridge does.
func (s *server) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.fireWatch(ctx); err != nil && ctx.Err() == nil {
			slog.Error("the schedule watch", "error", err)
		}
	}
}

// fireWatch runs the schedule once.
func (s *server) fireWatch(ctx context.Context) error {
	_, err := s.handler.Invoke(ctx, []byte(`{"version":"0","id":"local","detail-type":"Scheduled Event",`+
		`"source":"aws.events","account":"123456789012","region":"us-east-1","time":"2026-01-02T15:04:05Z",`+
		`"resources":["arn:aws:events:us-east-1:123456789012:rule/watch"],"detail":{}}`))
	return err
}

// metrics returns where the lines with metrics go: to standard output, as in Lambda, if the
// environment variable for their namespace is set.
func metrics() io.Writer {
	if os.Getenv(observe.Variable) == "" {
		return io.Discard
	}
	return os.Stdout
}
