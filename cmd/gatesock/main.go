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
//
// Commands print tables for people, or JSON. The secret of a key is printed once, by the command that makes it, and by no other.
//
// Region, credentials and endpoint of DynamoDB are those of the environment and the shared AWS configuration; --dynamodb is for
// DynamoDB Local. The exit status is 0, 1 if a command failed, and 80 if it was not understood.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/gatesock/gatesock/authz/apikey"
)

// cli is the command line.
type cli struct {
	Keys  keysCommand  `cmd:"" help:"Make, list and change API keys."`
	Plans plansCommand `cmd:"" help:"Make, list and change plans: how much keys and users may send."`
	Usage usageCommand `cmd:"" help:"Show what keys, users and plans have used, day by day."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// misunderstood is the exit status for a command line that makes no sense, that of kong.
const misunderstood = 80

// exited is what kong's exit is turned into.
type exited int

// run runs one command line and gives the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	defer func() {
		if e, ok := recover().(exited); ok {
			status = int(e)
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
	command, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "gatesock: %v\nSee gatesock --help, and --help after a command.\n", err)
		return misunderstood
	}
	if err := command.Run(); err != nil {
		_, _ = fmt.Fprintf(stderr, "gatesock: %v\n", err)
		return 1
	}
	return 0
}
