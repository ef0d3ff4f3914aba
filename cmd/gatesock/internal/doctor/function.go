package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// function is a function of the application, or a version or an alias of one.
type function struct {
	functionName
	state    state
	config   *lambda.GetFunctionConfigurationOutput
	policy   *policy
	policied bool // whether the policy was read; policy is nil if there is none
	reserved *int32
	consumes bool // whether it gets events of a source
	loops    bool // whether it gets messages that it sends itself
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (x *examination) stageVariables() map[string]string {
	if x.api.stage == nil {
		return nil
	}
	return x.api.stage.StageVariables
}

// routeFunctions returns the functions that the routes of the application call.
func (x *examination) routeFunctions() []functionName {
	var all []functionName
	for _, described := range x.app.Routes {
		i := x.integrationOf(described.Key)
		if i == nil {
			continue
		}
		if f, err := x.called(i); err == nil && !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// readFunctions reads the functions that the API calls for the application. If there are none, it
// reads those of the target.
func (x *examination) readFunctions(ctx context.Context) error {
	names := slices.DeleteFunc(x.routeFunctions(), func(f functionName) bool { return !x.isOwn(f) })
	if a, ok := x.connectAuthorizer(); ok && x.app.Authorizer != nil {
		if f, err := calledFunction(aws.ToString(a.AuthorizerUri), x.stageVariables()); err == nil && x.isOwn(f) {
			names = append(names, f)
		}
	}
	if len(names) == 0 {
		for _, name := range x.target.Functions {
			names = append(names, functionName{name: name})
		}
	}
	for _, name := range names {
		if _, err := x.function(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// function returns a function, and reads it the first time.
func (x *examination) function(ctx context.Context, name functionName) (*function, error) {
	if f := x.functions[name.String()]; f != nil {
		if f.account == "" {
			f.functionName = name
		}
		return f, nil
	}
	f := &function{functionName: name}
	x.functions[name.String()] = f
	x.report.Functions = append(x.report.Functions, name.String())
	q := question{PartFunctions, "lambda:GetFunctionConfiguration", "the function " + name.String()}
	var err error
	get := x.clients.Functions.GetFunctionConfiguration
	f.config, f.state, err = ask(ctx, x.report, q, get, &lambda.GetFunctionConfigurationInput{
		FunctionName: &name.name, Qualifier: optional(name.qualifier),
	})
	if err != nil || f.state == absent {
		return f, err
	}
	if f.account == "" && f.config != nil {
		if full, ok := parseFunctionARN(aws.ToString(f.config.FunctionArn)); ok {
			f.partition, f.region, f.account = full.partition, full.region, full.account
		}
	}
	return f, x.readFunctionRights(ctx, f)
}

// optional returns nil for an empty text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// readFunctionRights reads the policy and the concurrency of a function.
func (x *examination) readFunctionRights(ctx context.Context, f *function) error {
	q := question{PartPermissions, "lambda:GetPolicy", "the policy of the function " + f.String()}
	out, s, err := ask(ctx, x.report, q, x.clients.Functions.GetPolicy, &lambda.GetPolicyInput{
		FunctionName: &f.name, Qualifier: optional(f.qualifier),
	})
	if err != nil {
		return err
	}
	f.policied = s != unread
	if s == present {
		if f.policy, err = parsePolicy(aws.ToString(out.Policy)); err != nil {
			f.policied = false
			x.report.leaveOut(fmt.Sprintf("the policy of the function %s: %v", f, err))
		}
	}
	q = question{PartFunctions, "lambda:GetFunctionConcurrency", "the concurrency of the function " + f.name}
	get := x.clients.Functions.GetFunctionConcurrency
	concurrency, s, err := ask(ctx, x.report, q, get, &lambda.GetFunctionConcurrencyInput{
		FunctionName: &f.name,
	})
	if s == present {
		f.reserved = concurrency.ReservedConcurrentExecutions
	}
	return err
}

// functionFinding adds a finding about a function.
func (x *examination) functionFinding(f *function, level Level, check, problem, effect, fix string) {
	x.report.add(Finding{
		Level: level, Part: PartFunctions, Check: check, Subjects: []string{f.String()},
		Problem: problem, Effect: effect, Fix: fix,
	})
}

// checkFunctions checks what has to do with the functions alone.
func (x *examination) checkFunctions() {
	var builds []string
	for _, name := range sortedKeys(x.functions) {
		f := x.functions[name]
		switch f.state {
		case absent:
			x.functionFinding(f, Error, "function-missing", "there is no such function, version or alias", "Nobody handles its events.",
				"Deploy it, or correct what names it: the integrations of the API, or --function.")
		case present:
			x.checkRuntime(f)
			x.checkState(f)
			x.checkSize(f)
			x.checkTimeout(f)
			if sum := aws.ToString(f.config.CodeSha256); sum != "" && !slices.Contains(builds, sum) {
				builds = append(builds, sum)
			}
		case unread:
		}
		x.checkReserved(f)
	}
	if len(builds) > 1 {
		x.report.add(Finding{
			Level: Warning, Part: PartFunctions, Check: "builds",
			Problem: fmt.Sprintf("the functions of the application run %d different builds", len(builds)),
			Effect:  "Routes and event sources may disagree about messages, jobs and stored items.",
			Fix:     "Deploy the same build to all functions, and let all routes call the same alias.",
		})
	}
}

func (x *examination) checkRuntime(f *function) {
	if f.config.PackageType == types.PackageTypeImage {
		return
	}
	switch f.config.Runtime {
	case types.RuntimeProvidedal2023:
	case types.RuntimeProvidedal2, types.RuntimeProvided, types.RuntimeGo1x:
		x.functionFinding(f, Warning, "runtime", fmt.Sprintf("the runtime %s is past its end", f.config.Runtime),
			"It gets no security patches. New functions cannot have it, and some day the code of this one can no longer be updated.",
			"Set the runtime provided.al2023. The executable must be named bootstrap.")
	default:
		x.functionFinding(f, Error, "runtime", fmt.Sprintf("the runtime %s does not run Go programs", f.config.Runtime),
			"The function cannot start the application.", "Set the runtime provided.al2023. The executable must be named bootstrap.")
	}
	if !slices.Contains(f.config.Architectures, types.ArchitectureArm64) {
		x.functionFinding(f, Note, "architecture", "the function runs on x86_64", "arm64 costs a fifth less for the same time.",
			"Build with GOARCH=arm64, and set the architecture arm64 with the same deployment.")
	}
}

func (x *examination) checkState(f *function) {
	c := f.config
	switch c.State {
	case types.StateFailed:
		x.functionFinding(f, Error, "function-state", "the function is in the state Failed: "+oneLine(
			aws.ToString(c.StateReason),
		),
			"It cannot be invoked.", "Correct the reason, and deploy again.")
		return
	case types.StatePending:
		x.functionFinding(f, Note, "function-state", "the function is being created", "It cannot be invoked yet.",
			"Wait a minute, and run the command again.")
		return
	default: // an inactive function starts with the next event
	}
	switch c.LastUpdateStatus {
	case types.LastUpdateStatusFailed:
		x.functionFinding(f, Error, "function-update", "its last update failed: "+oneLine(
			aws.ToString(c.LastUpdateStatusReason),
		),
			"It runs the earlier code and configuration.", "Correct the reason, and deploy again.")
	case types.LastUpdateStatusInProgress:
		x.functionFinding(f, Note, "function-update", "an update is under way", "It runs the earlier code and configuration.",
			"Wait a minute, and run the command again.")
	default:
	}
}

// smallMemory is how much memory makes a function slow, in MB: 1,769 MB have one processor.
const smallMemory = 256

func (x *examination) checkSize(f *function) {
	if memory := aws.ToInt32(f.config.MemorySize); memory > 0 && memory < smallMemory {
		x.functionFinding(f, Note, "memory", fmt.Sprintf("the function has %d MB", memory),
			"The processor's share grows with the memory: cold starts and TLS handshakes are slow.",
			fmt.Sprintf("Try %d MB or more; shorter invocations may cost less in sum.", smallMemory))
	}
}

func (x *examination) checkReserved(f *function) {
	if isZero(f.reserved) {
		x.functionFinding(f, Error, "concurrency-zero", "the reserved concurrency is 0", "Lambda refuses every invocation.",
			"Raise or remove it: aws lambda delete-function-concurrency --function-name "+f.name)
	}
}

// consumes reports whether a function gets events of a source, itself or by an alias.
func (x *examination) consumes(f *function) bool {
	for _, o := range x.functions {
		if o.name == f.name && o.consumes {
			return true
		}
	}
	return false
}

// Timeouts in seconds.
const (
	gatewayTimeout = 29 // the longest that the gateway waits
	defaultTimeout = 3  // of functions that set none
)

// checkTimeout compares the time that a function has with the time that the gateway waits for it.
func (x *examination) checkTimeout(f *function) {
	timeout := aws.ToInt32(f.config.Timeout)
	if timeout > 0 && timeout <= defaultTimeout {
		x.functionFinding(f, Warning, "timeout-short", fmt.Sprintf("the function has %d seconds", timeout),
			"A cold start with a slow dependency, or a send to many connections, is cut off.",
			fmt.Sprintf("Set a Timeout of about %d seconds, which is as long as the gateway waits.", gatewayTimeout))
	}
	for _, described := range x.app.Routes {
		i := x.integrationOf(described.Key)
		if i == nil {
			continue
		}
		called, err := x.called(i)
		if err != nil || called.String() != f.String() {
			continue
		}
		wait := cmp.Or(aws.ToInt32(i.TimeoutInMillis), gatewayTimeout*1000)
		if timeout > gatewayTimeout+1 && !x.consumes(f) {
			x.functionFinding(f, Note, "timeout-long", fmt.Sprintf(
				"the function has %d seconds, and the gateway waits %d", timeout, gatewayTimeout,
			),
				"Clients see \"Endpoint request timed out\" while the function still works.",
				fmt.Sprintf("Set a Timeout of at most %d seconds, unless it serves event sources too.", gatewayTimeout))
		}
		if wait < timeout*1000 && wait < gatewayTimeout*1000 {
			x.routeFinding(Note, "integration-timeout", described.Key,
				fmt.Sprintf("the gateway waits %.3g seconds, and the function has %d", float64(wait)/1000, timeout),
				"Clients see \"Endpoint request timed out\" while the function still works.",
				"Raise the integration's TimeoutInMillis, or lower the function's Timeout.")
		}
	}
}
