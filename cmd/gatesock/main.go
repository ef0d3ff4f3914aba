// Command gatesock manages what an application keeps in its DynamoDB table: API keys (package
// authz/apikey), plans (how much a key or a user may send), and the usage of both.
//
//	export GATESOCK_TABLE=chat
//	gatesock keys create --owner plant-1 --name "sensor 7" --scope readings:write --expires 365d
//	gatesock keys list
//	gatesock keys rotate 0K3f9bQxT2mR --overlap 24h
//	gatesock keys disable 0K3f9bQxT2mR
//	gatesock plans set free --rate 1 --burst 5 --per-month 10000
//	gatesock usage --from 2026-11-01 --kind plan --format csv
//	gatesock help keys create
//
// Commands print tables, or JSON with --json. The secret of a key is printed once, by the command
// that creates it.
//
// The table is the one that dynamo.DB.CreateTable or dynamo/template.json makes. The caller needs
// these IAM actions on it:
//
//	keys     dynamodb:GetItem, PutItem, UpdateItem, DeleteItem, Query
//	plans    dynamodb:GetItem, PutItem, DeleteItem, Query
//	usage    dynamodb:Query
//
// The exit status is 0, 1 if a command failed, and 2 if the command line is invalid.
//
// # AWS and DynamoDB Local
//
// Region, credentials and the endpoint of DynamoDB come from the environment and the shared AWS
// configuration. With --dynamodb a command works on DynamoDB Local instead. It signs requests with
// the same credentials and for the same region there, because DynamoDB Local keeps the tables of
// each access key and region apart unless it was started with -sharedDb. If the configuration has
// no credentials, access key and secret are "local"; if it has no region, the region is us-east-1.
// The roles of EC2 instances are not looked up.
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
	Keys    keysCommand    `cmd:"" help:"Create, list and change API keys."`
	Plans   plansCommand   `cmd:"" help:"Create, list and change plans: how much keys and users may send."`
	Usage   usageCommand   `cmd:"" help:"Show daily usage by key, user and plan."`
	New     newCommand     `cmd:"" help:"Make a new application that builds, tests, runs on this machine and deploys."`
	Help    helpCommand    `cmd:"" help:"Show the help of a command, for example: gatesock help keys create."`
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

// misuse is the error of an invalid command line.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// run runs one command line and returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	printed := false // --help and --version print and exit, whatever else the command line has
	parser := kong.Must(&cli{},
		kong.Name("gatesock"),
		kong.Description("Manages the API keys, plans and usage of an application built on the Go library gatesock."),
		kong.Vars{"prefix": apikey.DefaultPrefix},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { printed = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(stdout, (*io.Writer)(nil)),
	)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if printed {
		return succeeded
	}
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
	_, _ = fmt.Fprint(stderr, "Run gatesock help, or add --help to a command.\n")
	return misused
}

// isMisuse reports whether the command line is at fault. Errors of a command's hook, such as one
// that opens the table, have kong's status 1.
func isMisuse(err error) bool {
	var own misuse
	var parsing *kong.ParseError
	return errors.As(err, &own) || errors.As(err, &parsing) && parsing.ExitCode() != failed
}
