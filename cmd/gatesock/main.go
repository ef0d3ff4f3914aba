// Command gatesock is the tool beside the library: it manages the API keys of package authz/apikey and the plans of package ratelimit in
// the table of an application.
//
//	export GATESOCK_TABLE=chat
//	gatesock keys create --owner plant-1 --name "sensor 7" --scope readings:write --expires 365d
//	gatesock keys list
//	gatesock keys rotate 0K3f9bQxT2mR --overlap 24h
//	gatesock keys deactivate 0K3f9bQxT2mR
//	gatesock plans set free --rate 1 --burst 5 --per-month 10000
//	gatesock usage --from 2026-11-01 --kind plan --format csv
//	gatesock help keys create
//
// Commands print tables for people, or JSON. The secret of a key is printed once, by the command that makes it, and by no other.
//
// Region, credentials and endpoint of DynamoDB are those of the environment and the shared AWS configuration.
//
// With --dynamodb a command works on DynamoDB Local instead. It signs with the credentials and for the region of the environment and
// the AWS configuration there too, since DynamoDB Local keeps the tables of each access key and region apart, unless it was started
// with -sharedDb. Where the configuration has no credentials the access key and the secret are "local", and where it has no region
// that is us-east-1. The roles of EC2 instances are not looked for.
//
// The exit status is 0, 1 if a command failed, and 2 if the command line was not understood.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/internal/oneline"
)

// cli is the command line.
type cli struct {
	Keys    keysCommand    `cmd:"" help:"Make, list and change API keys."`
	Plans   plansCommand   `cmd:"" help:"Make, list and change plans: how much keys and users may send."`
	Usage   usageCommand   `cmd:"" help:"Show what keys, users and plans have used, day by day."`
	Help    helpCommand    `cmd:"" help:"Show help on a command, as in gatesock help keys create."`
	Version versionCommand `cmd:"" help:"Show the version."`

	ShowVersion versionFlag `name:"version" help:"Show the version."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// Exit statuses.
const (
	succeeded = 0
	failed    = 1
	misused   = 2 // as of most commands; kong's own is 80
)

// misuse is the error of a command line that makes no sense.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// exited is what kong's exit is turned into.
type exited int

// run runs one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exited:
			status = int(e)
		default:
			panic(e)
		}
	}()
	parser := kong.Must(&cli{},
		kong.Name("gatesock"),
		kong.Description("The tool beside the Go library gatesock, for WebSocket APIs of Amazon API Gateway."),
		kong.Vars{"prefix": apikey.DefaultPrefix},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err == nil {
		err = command.Run()
	}
	if err == nil {
		return succeeded
	}
	_, _ = fmt.Fprintf(stderr, "gatesock: %s\n", oneline.Of(explain(err), maxError))
	if !isMisuse(err) {
		return failed
	}
	_, _ = fmt.Fprint(stderr, "See gatesock help, or --help after a command.\n")
	return misused
}

// isMisuse reports whether a command line was at fault. What goes wrong in a hook of a command, such as one that opens the table, has
// kong's status 1.
func isMisuse(err error) bool {
	var own misuse
	var parsing *kong.ParseError
	return errors.As(err, &own) || errors.As(err, &parsing) && parsing.ExitCode() != failed
}
