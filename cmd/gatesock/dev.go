package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/console"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/dev"
	"github.com/gatesock/gatesock/emulator/runtimeapi/managed"
)

// devCommand runs an application on this machine.
type devCommand struct {
	Target   string   `arg:"" optional:"" help:"A folder, a Go package, or a template. Default: the current folder."`
	Template string   `placeholder:"FILE" help:"The file that describes the application: SAM, CloudFormation, cdk.out, serverless.yml. Default: what is in the folder."`
	Port     int      `default:"3001" help:"The port of the API, and of the first one of several; 0 takes a free one. Default: ${default}."`
	Pages    string   `placeholder:"FOLDER|URL" help:"Pages to serve at the same address: a folder, or a development server such as http://localhost:5173."`
	TLS      bool     `help:"Serve wss:// and https:// alone. Without it, the port speaks both."`
	Store    string   `enum:",memory,dynamodb" default:"" placeholder:"memory|dynamodb" help:"Where tables are: in memory, or in files that the next run has too. Both are on Amazon's DynamoDB Local, which needs Java. Default: memory."`
	Stage    string   `help:"The stage. Default: dev for a Go program; all that a template has."`
	Domain   string   `enum:"aws,local" default:"aws" help:"The domain name in events: that of the API on AWS, which leads back here, or that of this machine. Default: ${default}."`
	EnvFile  []string `sep:"none" placeholder:"FILE" help:"A file with variables for the functions, a line each of NAME=VALUE. May be repeated."`

	Parameter   []variable `sep:"none" placeholder:"NAME=VALUE" help:"A parameter of the template, or a setting of the program. May be repeated. Without it, a terminal is asked."`
	Concurrency int        `default:"10" help:"How many instances of a function run at most. Default: ${default}."`
	NoFreeze    bool       `help:"Let functions run on between invocations. On AWS they stand still."`
	Seed        uint64     `placeholder:"N" help:"The seed of connection ids, and of what is left to chance, such as faults. Default: one is drawn, and shown."`
	Real        []string   `placeholder:"SERVICE" help:"A service of AWS, such as s3, that functions may really call, with credentials of --env-file. May be repeated."`
	Log         string     `enum:"text,json" default:"text" help:"What is printed: ${enum}. Default: ${default}."`
	Verbose     bool       `short:"v" help:"Show what events, messages and answers have in them."`
}

// Help is shown below the summary.
func (devCommand) Help() string {
	return `The application runs behind an emulated API Gateway. A Go program is built, and describes itself; of
other applications the functions run as their template says, in Go, Node.js, Python or with a
bootstrap of their own, and with the tables, queues, topics and schedules of the template. Whatever
address of AWS the code calls, the call stays on this machine. When a file changes, the functions
that it belongs to are built and replaced. Connections stay open, and messages wait for the new code.

    gatesock dev
    gatesock dev ./cmd/lambda --pages ./web
    gatesock dev --template template.yaml --parameter Stage=test --env-file .env
    gatesock dev --port 4000 --store dynamodb --log json

Values of parameters and settings come from --parameter, from a file of --env-file, and, for what a
Go program declares, from the environment of the command. The functions get nothing else of the
environment, and no credentials of AWS. Ctrl-C ends everything that was started.`
}

// Run runs the application until the context ends.
func (c *devCommand) Run(ctx context.Context, s streams) error {
	switch {
	case c.Port < 0 || c.Port > 65535:
		return misuse{fmt.Errorf("--port %d: want 0 to 65535", c.Port)}
	case c.Concurrency < 1:
		return misuse{errors.New("--concurrency must be at least 1")}
	case c.Target != "" && c.Template != "":
		return misuse{errors.New("--template replaces the folder: use one of them")}
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	if console.IsTerminal(s.in) {
		o.Ask = asker{ctx.Done(), bufio.NewReader(s.in), s.err}.ask
	}
	hurry := make(chan struct{})
	o.Hurry = hurry
	stop := secondSignal(ctx, hurry)
	defer stop()
	out := dev.NewPrinter(s.out, dev.PrintOptions{
		Color: s.hasColor(),
		JSON:  c.Log == "json", Bodies: c.Verbose,
	})
	return dev.Run(ctx, out, o)
}

// options returns the options of the command line.
func (c *devCommand) options() (dev.Options, error) {
	folder, err := os.Getwd()
	if err != nil {
		return dev.Options{}, fmt.Errorf("cannot find out the current folder: %w", err)
	}
	cache, err := cacheFolder()
	if err != nil {
		return dev.Options{}, err
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return dev.Options{}, fmt.Errorf("there is no folder for the certificate of this machine: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return dev.Options{}, fmt.Errorf("cannot find out the path of gatesock: %w", err)
	}
	o := dev.Options{
		Target: c.Target, Template: c.Template, Folder: folder, Port: c.Port, TLS: c.TLS, Pages: c.Pages, Domain: c.Domain,
		Stage: c.Stage, EnvFiles: c.EnvFile, Store: c.Store, Real: c.Real, Concurrency: c.Concurrency,
		NoFreeze: c.NoFreeze, Seed: c.Seed, Environ: os.Environ(), Self: self,
		Cache: cache, Config: filepath.Join(config, "gatesock"),
		Parameters: map[string]string{},
	}
	for _, p := range c.Parameter {
		name, value, _ := strings.Cut(string(p), "=")
		o.Parameters[name] = value
	}
	return o, nil
}

// secondSignal closes a channel when a second signal comes that asks the command to end, so that it
// need not be waited for.
func secondSignal(ctx context.Context, hurry chan<- struct{}) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	ended := make(chan struct{})
	go func() {
		for range 2 {
			select {
			case <-signals:
			case <-ended:
				return
			}
		}
		if ctx.Err() != nil {
			close(hurry)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(ended)
	}
}

// asker asks the user for values.
type asker struct {
	ended <-chan struct{} // closed when the command ends
	in    *bufio.Reader
	out   io.Writer
}

// ask returns the value that the user types. The goroutine that reads ends with the process if the
// user ends the command instead.
func (a asker) ask(name, description string) (string, error) {
	if description != "" {
		_, _ = fmt.Fprintf(a.out, "%s\n", description)
	}
	_, _ = fmt.Fprintf(a.out, "%s: ", name)
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := a.in.ReadString('\n')
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && r.line == "" {
			return "", fmt.Errorf("no value for %s: %w", name, r.err)
		}
		return strings.TrimRight(r.line, "\r\n"), nil
	case <-a.ended:
		return "", context.Canceled
	}
}

// serveLegacyCommand runs a Go program that is older than the Runtime API, for dev.
type serveLegacyCommand struct {
	Binary string `arg:""`
}

// Run runs the program until it ends.
func (c *serveLegacyCommand) Run(ctx context.Context) error {
	return managed.ServeLegacy(ctx, c.Binary)
}
