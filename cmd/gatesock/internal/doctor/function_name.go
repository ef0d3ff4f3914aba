package doctor

import (
	"fmt"
	"regexp"
	"strings"
)

// functionName is the name of a Lambda function, from its ARN.
type functionName struct {
	partition, region, account string // empty if not known
	name, qualifier            string // the qualifier, a version or an alias, may be empty
}

// String returns the name as the AWS CLI accepts it.
func (f functionName) String() string {
	if f.qualifier == "" {
		return f.name
	}
	return f.name + ":" + f.qualifier
}

// parseFunctionARN reads the ARN of a function, a version or an alias.
func parseFunctionARN(arn string) (functionName, bool) {
	parts := strings.Split(arn, ":")
	if len(parts) < 7 || len(parts) > 8 || parts[0] != "arn" || parts[2] != "lambda" || parts[5] != "function" || parts[6] == "" {
		return functionName{}, false
	}
	f := functionName{partition: parts[1], region: parts[3], account: parts[4], name: parts[6]}
	if len(parts) == 8 {
		f.qualifier = parts[7]
	}
	return f, true
}

var (
	// invocation is the URI by which API Gateway calls a function.
	invocation = regexp.MustCompile(
		`^arn:[a-z0-9-]+:apigateway:[a-z0-9-]+:lambda:path/[0-9-]+/functions/([^/]+)/invocations$`,
	)
	// stageVariable is a variable in a URI.
	stageVariable = regexp.MustCompile(`\$\{stageVariables\.([A-Za-z0-9_]+)\}`)
)

// calledFunction returns the function that a URI of an integration or an authorizer calls, on a
// stage with variables.
func calledFunction(uri string, variables map[string]string) (functionName, error) {
	missing := ""
	full := stageVariable.ReplaceAllStringFunc(uri, func(match string) string {
		name := stageVariable.FindStringSubmatch(match)[1]
		value, ok := variables[name]
		if !ok {
			missing = name
		}
		return value
	})
	if missing != "" {
		return functionName{}, fmt.Errorf("its URI needs the stage variable %s, which the stage does not have", missing)
	}
	found := invocation.FindStringSubmatch(full)
	if found == nil {
		return functionName{}, fmt.Errorf("its URI is not that of a Lambda function: %s", oneLine(full))
	}
	f, ok := parseFunctionARN(found[1])
	if !ok {
		return functionName{}, fmt.Errorf("its URI has no ARN of a function: %s", oneLine(full))
	}
	return f, nil
}
