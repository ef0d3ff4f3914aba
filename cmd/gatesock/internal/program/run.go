package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Bounds of what is kept of output, in bytes.
const (
	maxDocument       = 16 << 20
	maxCompilerOutput = 64 << 10
	maxProgramOutput  = 16 << 10
)

// nowhere is an address that every connection to fails at once.
const nowhere = "127.0.0.1:0"

// run runs the program and returns the last line that it prints.
func (p Program) run(ctx context.Context, binary string, s *source) ([]byte, error) {
	timeout := cmp.Or(p.Timeout, defaultTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := exec.CommandContext(ctx, binary)
	var output lastLine
	problems := newExcerpt(maxProgramOutput)
	c.Dir, c.Env, c.Stdout, c.Stderr = p.Folder, p.environ(os.Environ()), &output, problems
	err := runGroup(c, killGroup)
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, &Failure{fmt.Sprintf("%s did not print its description within %v, and was stopped: it must reach gatesock.Start "+
			"when it is started with GATESOCK_DESCRIBE=1; for one that needs longer there is --timeout", p.Package, timeout), problems.String()}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &exit):
		return nil, p.failure(exit, output.text(), problems.String(), s)
	case err != nil:
		return nil, fmt.Errorf("cannot run %s: %w", p.Package, err)
	case output.tooLong:
		return nil, fmt.Errorf("%s prints a line of more than %d MiB, which is not its description: %s", p.Package, maxDocument>>20, startLast)
	case len(output.text()) == 0:
		return nil, &Failure{fmt.Sprintf("%s ended without printing its description: %s; "+
			"an older gatesock does not (go get github.com/gatesock/gatesock@latest)", p.Package, startLast), problems.String()}
	}
	return output.text(), nil
}

// environ returns the environment of the program: that of the caller, without what leads to AWS.
func (p Program) environ(callers []string) []string {
	region := "AWS_REGION=us-east-1"
	var kept []string
	for _, variable := range callers {
		name, value, _ := strings.Cut(variable, "=")
		switch {
		case name == "AWS_REGION" && value != "":
			region = variable
		case !strings.HasPrefix(name, "AWS_") && name != "_LAMBDA_SERVER_PORT":
			kept = append(kept, variable)
		}
	}
	kept = append(
		kept,
		region,
		"AWS_ACCESS_KEY_ID=describe",
		"AWS_SECRET_ACCESS_KEY=describe",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_ENDPOINT_URL=http://"+nowhere,
		// So that programs that ask where they run take their way to gatesock.Start.
		"AWS_LAMBDA_RUNTIME_API="+nowhere,
		"AWS_LAMBDA_FUNCTION_NAME=describe",
		"GOTRACEBACK=single", // which findPanic reads
	)
	kept = append(kept, p.Environ...)
	return append(kept, "GATESOCK_DESCRIBE=1")
}

// failure returns the error of a program that ended with an exit status other than 0.
func (p Program) failure(exit *exec.ExitError, output []byte, problems string, s *source) error {
	if panicked, ok := findPanic(problems, s.modulePath()); ok {
		advice := " (if a variable is missing, " + p.advice() + ")"
		if strings.HasPrefix(panicked, "gatesock: ") { // about what the program declares
			advice = ""
		}
		return fmt.Errorf("%s panics before it has described itself: %s%s", p.Package, panicked, advice)
	}
	printed := cmp.Or(problems, printable(string(output)))
	switch {
	case strings.Contains(problems, nowhere+"/2018-06-01/"):
		return &Failure{p.Package + " starts as a Lambda function instead of describing itself: hand its router to gatesock.Start, and " +
			"update an older gatesock with go get github.com/gatesock/gatesock@latest", printed}
	case strings.Contains(problems, nowhere):
		return &Failure{p.Package + " calls AWS before it reaches gatesock.Start, which fails for a program that describes itself " +
			"(GATESOCK_DESCRIBE=1): make the call at the first event instead", printed}
	}
	return &Failure{fmt.Sprintf("%s ended with %v before it reached gatesock.Start. If a variable is missing, %s", p.Package, exit, p.advice()), printed}
}

func (p Program) advice() string {
	return cmp.Or(p.Advice, "use --env NAME=VALUE, or let the program read it with the method Value of gatesock.Need")
}

// patience is how long a command has to end by itself once it was asked to, and how long its output
// stays open for processes that it has left behind.
const patience = 2 * time.Second

// runGroup runs a command as a group of processes, which stop asks to end when the context is done.
// It leaves no process of the group behind.
func runGroup(c *exec.Cmd, stop func(*exec.Cmd) error) error {
	c.WaitDelay = patience
	c.Cancel = func() error { return stop(c) }
	separate(c)
	if err := c.Start(); err != nil {
		return err
	}
	err := c.Wait()
	_ = killGroup(c)
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // the command itself has ended well
	}
	return err
}
