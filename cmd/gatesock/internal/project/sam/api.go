package sam

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/internal/iampattern"
	"github.com/gatesock/gatesock/internal/identitysource"
	"github.com/gatesock/gatesock/internal/mocking"
	"github.com/gatesock/gatesock/internal/template"
)

// api is a WebSocket API that is being read.
type api struct {
	item
	apiID     string
	routes    []item
	answering map[string]bool // ids of routes with a route response
	parts     map[string]item // integrations and authorizers, by "kind/id"
	responses map[string][]item
	calls     map[string][]call // by function: what calls it
}

// call is what calls a function.
type call struct {
	from item
	name string // such as "route $connect"
	path string // in the SourceArn: stage and route key, or "authorizers/" and an id
}

const v2 = "AWS::ApiGatewayV2::"

// readAPIs reads the WebSocket APIs.
func (r *run) readAPIs() {
	apis := map[string]*api{}
	var order []*api
	for _, i := range r.of(v2 + "Api") {
		switch protocol := i.text("ProtocolType"); {
		case strings.EqualFold(protocol, "WEBSOCKET"):
			a := &api{
				item: i, apiID: i.PhysicalName(i.res), answering: map[string]bool{}, parts: map[string]item{},
				responses: map[string][]item{}, calls: map[string][]call{},
			}
			apis[a.apiID] = a
			order = append(order, a)
		case protocol == "HTTP":
			i.notice("ProtocolType", "an HTTP API; gatesock dev serves WebSocket APIs only")
		default:
			i.fail("ProtocolType", "the ProtocolType is %s; want WEBSOCKET", quote(protocol))
		}
	}
	parts := map[string][]item{}
	for _, kind := range []string{"Route", "Integration", "RouteResponse", "IntegrationResponse", "Authorizer", "Stage", "ApiMapping", "Deployment"} {
		for _, i := range r.of(v2 + kind) {
			id := i.text("ApiId")
			switch {
			case apis[id] != nil:
				parts[id+"/"+kind] = append(parts[id+"/"+kind], i)
			case id == "":
				i.fail("", "there is no ApiId")
			case !r.isHTTP(id):
				i.warn("ApiId", "the API %s is not in this project", quote(id))
			}
		}
	}
	r.of(v2+"DomainName", v2+"Model", "AWS::Serverless::WebSocketApi", "AWS::Lambda::Permission")
	for _, a := range order {
		of := func(kind string) []item { return parts[a.apiID+"/"+kind] }
		if len(of("Route")) == 0 && len(order) > 1 {
			a.notice("", "no route uses this API, so it is left out")
			continue
		}
		a.read(of)
	}
	if len(order) == 0 {
		r.stacks[0].problem(template.Problem{Text: "there is no WebSocket API: no AWS::ApiGatewayV2::Api with the ProtocolType WEBSOCKET, and no AWS::Serverless::WebSocketApi"})
	}
}

// isHTTP reports whether an id is that of an API that is not a WebSocket API.
func (r *run) isHTTP(id string) bool {
	for _, i := range r.of(v2 + "Api") {
		if i.PhysicalName(i.res) == id {
			return true
		}
	}
	for _, i := range r.items("AWS::Serverless::HttpApi") {
		if i.Ref(i.res) == id {
			return true
		}
	}
	return strings.HasPrefix(id, "ServerlessHttpApi")
}

func (a *api) read(of func(kind string) []item) {
	a.routes = of("Route")
	for _, i := range of("RouteResponse") {
		if key := i.text("RouteResponseKey"); key != "$default" {
			i.warn("RouteResponseKey", "the RouteResponseKey is %s; only $default is possible, so the route does not answer", quote(key))
			continue
		}
		a.answering[i.text("RouteId")] = true
	}
	for _, kind := range []string{"Integration", "Authorizer"} {
		for _, i := range of(kind) {
			a.parts[kind+"/"+i.Ref(i.res)] = i
		}
	}
	for _, i := range of("IntegrationResponse") {
		id := i.text("IntegrationId")
		a.responses[id] = append(a.responses[id], i)
	}
	if len(a.routes) == 0 {
		a.fail("", "the API has no routes")
	}
	p := project.API{LogicalID: a.res.ID, ID: a.apiID, Name: cmp.Or(a.text("Name"), a.res.ID)}
	for _, stage := range a.stages(of("Stage")) {
		p.Stages = append(p.Stages, a.readStage(stage))
	}
	a.readMappings(of("ApiMapping"), &p)
	a.checkDeployments(of("Stage"), of("Deployment"))
	a.checkPermissions()
	a.project.APIs = append(a.project.APIs, p)
}

// stageItem is a stage; without an item if the template has none.
type stageItem struct {
	*item
	name string
}

// stages returns the stages to read.
func (a *api) stages(all []item) []stageItem {
	var list []stageItem
	names := map[string]bool{}
	for _, i := range all {
		name := i.text("StageName")
		if !validStage(name) {
			i.fail("StageName", "the StageName is %s; want 1 to 128 letters, digits, - and _; it is %q here", quote(name), defaultStage)
			name = defaultStage
		}
		if names[name] {
			i.fail("StageName", "another stage has the name %s too", name)
			continue
		}
		names[name] = true
		list = append(list, stageItem{&i, name})
	}
	if want := a.options.Stage; want != "" && len(list) > 0 {
		if !names[want] {
			a.fail("", "the API has no stage %s; it has %s", quote(want), strings.Join(sorted(names), ", "))
			return list
		}
		return slices.DeleteFunc(list, func(s stageItem) bool { return s.name != want })
	}
	if len(list) == 0 {
		name := cmp.Or(a.options.Stage, defaultStage)
		if !validStage(name) {
			name = defaultStage
		}
		a.warn("", "the API has no AWS::ApiGatewayV2::Stage, without which nobody can connect on AWS; here it has the stage %q", name)
		list = append(list, stageItem{name: name})
	}
	return list
}

const defaultStage = "local"

// validStage reports whether a stage may have a name.
func validStage(name string) bool {
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= 128
}

// readStage reads a stage, with the routes of the API.
func (a *api) readStage(stage stageItem) project.Stage {
	s := project.Stage{
		Config: emulator.Config{
			APIID: a.apiID, Stage: stage.name, Region: a.region, AccountID: a.account, IgnoreDescription: true,
			RouteSelectionExpression:  a.selection(),
			APIKeySelectionExpression: a.keySelection(),
		},
		Targets: map[string]project.Target{},
	}
	if stage.item != nil {
		s.Config.StageVariables = stage.textMap("StageVariables")
	}
	seen := map[string]bool{}
	for _, route := range a.routes {
		key := route.text("RouteKey")
		if key == "" {
			route.fail("", "the route has no RouteKey")
			continue
		}
		if seen[key] {
			route.fail("RouteKey", "another route has the RouteKey %s too", quote(key))
			continue
		}
		seen[key] = true
		a.readRoute(&s, route, key)
	}
	slices.SortFunc(s.Config.Routes, func(x, y gatesock.Route) int { return strings.Compare(x.Key, y.Key) })
	if stage.item != nil {
		a.readThrottles(&s.Config, *stage.item, seen)
	}
	a.validate(&s)
	return s
}

// selection returns the route selection expression.
func (a *api) selection() string {
	const usual = "$request.body.action"
	text := a.text("RouteSelectionExpression")
	if text == "" {
		a.fail("", "the API has no RouteSelectionExpression, which WebSocket APIs need; it is %s here", usual)
		return usual
	}
	if !valid(emulator.Config{RouteSelectionExpression: text}) {
		a.fail("RouteSelectionExpression", "the RouteSelectionExpression is %s; it is %s here", quote(text), usual)
		return usual
	}
	return text
}

func (a *api) keySelection() string {
	text := a.text("ApiKeySelectionExpression")
	if text != "" && !valid(emulator.Config{APIKeySelectionExpression: text}) {
		a.warn("ApiKeySelectionExpression", "the ApiKeySelectionExpression is %s, which no API can have", quote(text))
		return ""
	}
	return text
}

// valid reports whether the emulator accepts a configuration.
func valid(cfg emulator.Config) bool { return check(cfg) == nil }

type noHandler struct{}

func (noHandler) Invoke(context.Context, []byte) ([]byte, error) { return nil, nil }

func check(cfg emulator.Config) error {
	cfg.IgnoreDescription = true
	g, err := emulator.New(noHandler{}, cfg)
	if err != nil {
		return err
	}
	return g.Shutdown(context.Background())
}

// validate makes sure that the emulator accepts the stage.
func (a *api) validate(s *project.Stage) {
	err := check(s.Config)
	if err == nil {
		return
	}
	a.fail("", "the stage %s cannot be emulated as it is: %s", s.Config.Stage, strings.TrimPrefix(err.Error(), "emulator: "))
	routes := s.Config.Routes
	s.Config = emulator.Config{
		APIID: a.apiID, Stage: s.Config.Stage, Region: a.region, AccountID: a.account, IgnoreDescription: true,
		RouteSelectionExpression: s.Config.RouteSelectionExpression, Authorizer: s.Config.Authorizer,
	}
	for _, route := range routes { // without those that are too much
		s.Config.Routes = append(s.Config.Routes, route)
		if !valid(s.Config) {
			s.Config.Routes = s.Config.Routes[:len(s.Config.Routes)-1]
			delete(s.Targets, route.Key)
		}
	}
}

func (a *api) readRoute(s *project.Stage, route item, key string) {
	r := gatesock.Route{Key: key, NeedsResponse: a.answers(route, key)}
	a.readAccess(s, route, key)
	if route.get("RequestModels") != nil {
		route.warn("RequestModels", "models of requests are not checked here")
	}
	target := route.text("Target")
	id, ok := strings.CutPrefix(target, "integrations/")
	integration, known := a.parts["Integration/"+id]
	switch {
	case target == "" && (key == gatesock.RouteConnect || key == gatesock.RouteDisconnect):
		r.Mock = []byte{} // an integration of these routes is optional
	case target == "":
		route.fail("", "the route %s has no Target", quote(key))
		s.Targets[key] = project.Target{}
	case !ok || !known:
		route.fail("Target", "the Target of the route %s is %s, but the API has no such AWS::ApiGatewayV2::Integration", quote(key), quote(target))
		s.Targets[key] = project.Target{}
	default:
		a.readIntegration(s, integration, &r)
	}
	s.Config.Routes = append(s.Config.Routes, r)
}

// answers reports whether a route answers, for which it needs a route response and the expression
// that selects it (docs/gateway-facts.md, §6).
func (a *api) answers(route item, key string) bool {
	selection := route.text("RouteResponseSelectionExpression")
	has := a.answering[route.Ref(route.res)]
	selects := selection == "$default" || selection == `\$default`
	switch {
	case selection != "" && !selects:
		route.warn("RouteResponseSelectionExpression", "the RouteResponseSelectionExpression of the route %s is %s;"+
			" only $default is possible, so that it does not answer", quote(key), quote(selection))
	case selects && !has && route.res.Generated != "":
		route.warn("RouteResponseSelectionExpression", "the route %s does not answer: AWS SAM makes no route response;"+
			" add an AWS::ApiGatewayV2::RouteResponse with RouteId: !Ref %s and RouteResponseKey: $default", quote(key), route.res.ID)
	case selects && !has:
		route.warn("RouteResponseSelectionExpression", "the route %s does not answer: it has no AWS::ApiGatewayV2::RouteResponse", quote(key))
	case has && selection == "":
		route.warn("", "the route %s does not answer: it has a route response, but no RouteResponseSelectionExpression: $default", quote(key))
	}
	return selects && has
}

// readAccess reads who may connect: all of it is on the route $connect.
func (a *api) readAccess(s *project.Stage, route item, key string) {
	connect := key == gatesock.RouteConnect
	switch kind := route.text("AuthorizationType"); {
	case kind == "" || kind == "NONE":
	case kind == "CUSTOM" && connect:
		a.readAuthorizer(s, route)
	case kind == "CUSTOM":
		route.warn("AuthorizationType", "only $connect can have an authorizer; the route %s has none here", quote(key))
	case kind == "AWS_IAM" && connect:
		route.warn("AuthorizationType", "clients need not sign their requests here, as they must on AWS (AWS_IAM)")
	case kind == "AWS_IAM":
	default:
		route.warn("AuthorizationType", "the AuthorizationType of the route %s is %s; AWS accepts NONE, AWS_IAM and CUSTOM; it is NONE here",
			quote(key), quote(kind))
	}
	if !connect || !route.flag("ApiKeyRequired", false) {
		return
	}
	for _, i := range a.of("AWS::ApiGateway::ApiKey") {
		if value := i.text("Value"); value != "" && i.flag("Enabled", true) {
			s.Config.APIKeys = append(s.Config.APIKeys, emulator.APIKey{ID: i.id(), Value: value})
		}
	}
	if len(s.Config.APIKeys) == 0 {
		route.warn("ApiKeyRequired", "clients need no API key here: the template has no AWS::ApiGateway::ApiKey with a Value")
	}
}

// readAuthorizer reads the authorizer of $connect.
func (a *api) readAuthorizer(s *project.Stage, route item) {
	s.Config.Authorizer = &emulator.Authorizer{}
	id := route.text("AuthorizerId")
	i, ok := a.parts["Authorizer/"+id]
	if !ok {
		route.fail("AuthorizerId", "the AuthorizerId is %s, but the API has no such AWS::ApiGatewayV2::Authorizer; nobody can connect", quote(id))
		return
	}
	if kind := i.text("AuthorizerType"); kind != "REQUEST" {
		i.warn("AuthorizerType", "the AuthorizerType is %s; WebSocket APIs have REQUEST only", quote(kind))
	}
	for _, text := range i.texts("IdentitySource") {
		for source := range strings.SplitSeq(text, ",") {
			source = strings.TrimSpace(source)
			if _, err := identitysource.Parse(source); err != nil {
				i.warn("IdentitySource", "the identity source %s is not one of a WebSocket API: %v", quote(source), err)
				continue
			}
			s.Config.Authorizer.IdentitySources = append(s.Config.Authorizer.IdentitySources, source)
		}
	}
	uri := i.text("AuthorizerUri")
	f := a.function(s, uri)
	if f == nil {
		i.fail("AuthorizerUri", "the authorizer's function %s is not in this project; nobody can connect", quote(functionIn(uri)))
		return
	}
	s.Authorizer, s.Config.Authorizer.FunctionTimeout = f.ID, f.Timeout
	if i.text("AuthorizerCredentialsArn") == "" {
		a.called(f.ID, call{i, "the authorizer", "authorizers/" + i.Ref(i.res)})
	}
}

func (a *api) called(function string, c call) {
	if c.from.res.Generated == "" {
		a.calls[function] = append(a.calls[function], c)
	}
}

// functionIn returns the ARN of a function in an invocation URI, or the text itself.
func functionIn(uri string) string {
	if _, after, ok := strings.Cut(uri, "/functions/"); ok {
		uri = strings.TrimSuffix(after, "/invocations")
	}
	return uri
}

// function returns the function that an invocation URI, an ARN or a name is about, or nil.
func (a *api) function(s *project.Stage, uri string) *project.Function {
	for name, value := range s.Config.StageVariables {
		uri = strings.ReplaceAll(uri, "${stageVariables."+name+"}", value)
	}
	return a.project.Function(functionIn(uri))
}

// readIntegration reads what a route calls.
func (a *api) readIntegration(s *project.Stage, i item, route *gatesock.Route) {
	const longest = 29_000
	target := project.Target{Timeout: time.Duration(i.number("TimeoutInMillis", longest, 50, longest)) * time.Millisecond}
	timeout := target.Timeout
	if timeout == longest*time.Millisecond { // the default of a stage
		timeout = 0
	}
	key, uri := quote(route.Key), i.text("IntegrationUri")
	switch kind := i.text("IntegrationType"); kind {
	case "MOCK":
		if frame, err := a.mock(i, route); err != nil {
			i.warn("", "the MOCK integration of the route %s fails here: %v", key, err)
		} else {
			route.Mock = frame
			return
		}
	case "AWS_PROXY":
		f := a.function(s, uri)
		if f == nil {
			i.fail("IntegrationUri", "the function %s of the route %s is not in this project", quote(functionIn(uri)), key)
			break
		}
		target.Function = f.ID
		if i.text("CredentialsArn") == "" {
			a.called(f.ID, call{i, "the route " + route.Key, s.Config.Stage + "/" + route.Key})
		}
		setTimeouts(&s.Config, route.Key, emulator.Timeouts{Integration: timeout, Function: f.Timeout})
	case "HTTP", "HTTP_PROXY":
		target.URL, target.Method = uri, cmp.Or(i.text("IntegrationMethod"), "POST")
		for name, value := range s.Config.StageVariables {
			target.URL = strings.ReplaceAll(target.URL, "${stageVariables."+name+"}", value)
		}
		if uri == "" {
			i.fail("IntegrationUri", "the integration of the route %s has no IntegrationUri", key)
		}
		if strings.Contains(target.URL, "${stageVariables.") {
			i.fail("IntegrationUri", "the address of the route %s is %s, but the stage %s has no such variable", key, quote(target.URL), s.Config.Stage)
			target.URL, target.Method = "", ""
		}
		if timeout > 0 {
			setTimeouts(&s.Config, route.Key, emulator.Timeouts{Integration: timeout})
		}
	case "AWS":
		i.warn("IntegrationType", "the route %s fails here: its integration calls %s with mapping templates, which is not supported",
			key, serviceIn(uri))
	default:
		i.fail("IntegrationType", "the IntegrationType of the route %s is %s; AWS accepts AWS_PROXY, AWS, HTTP_PROXY, HTTP and MOCK",
			key, quote(kind))
	}
	s.Targets[route.Key] = target
}

func setTimeouts(cfg *emulator.Config, key string, t emulator.Timeouts) {
	if cfg.RouteTimeouts == nil {
		cfg.RouteTimeouts = map[string]emulator.Timeouts{}
	}
	cfg.RouteTimeouts[key] = t
}

// serviceIn returns the name of the service that the URI of an AWS integration calls.
func serviceIn(uri string) string {
	names := map[string]string{
		"lambda": "Lambda", "sqs": "SQS", "sns": "SNS", "states": "Step Functions", "dynamodb": "DynamoDB", "events": "EventBridge",
		"kinesis": "Kinesis", "s3": "S3",
	}
	if parts := strings.Split(uri, ":"); len(parts) > 4 && parts[2] == "apigateway" {
		return cmp.Or(names[parts[4]], quote(parts[4]))
	}
	return quote(uri)
}

// mock returns what a MOCK integration answers with.
func (a *api) mock(i item, route *gatesock.Route) ([]byte, error) {
	m := mocking.Integration{
		Name: "the integration", Requests: i.textMap("RequestTemplates"), Selection: i.text("TemplateSelectionExpression"),
	}
	for _, response := range a.responses[i.Ref(i.res)] {
		m.Responses = append(m.Responses, mocking.Response{
			Name: "the response " + response.res.ID, Key: response.text("IntegrationResponseKey"),
			Templates: response.textMap("ResponseTemplates"), Selection: response.text("TemplateSelectionExpression"),
		})
	}
	return m.Answer(route.Key == gatesock.RouteConnect, route.NeedsResponse)
}

// readThrottles reads the limits of routes.
func (a *api) readThrottles(cfg *emulator.Config, stage item, routes map[string]bool) {
	if o, ok := stage.object("DefaultRouteSettings"); ok {
		cfg.DefaultThrottle = throttle(o)
	}
	all, _ := stage.object("RouteSettings")
	for _, key := range sorted(all.has) {
		o, ok := all.object(key)
		if !ok {
			continue
		}
		if !routes[key] {
			all.warn(key, "the RouteSettings are of the route %s, which the API does not have", quote(key))
			continue
		}
		if t := throttle(o); t != (emulator.Throttle{}) { // there may be other settings, such as metrics
			if cfg.RouteThrottles == nil {
				cfg.RouteThrottles = map[string]emulator.Throttle{}
			}
			cfg.RouteThrottles[key] = t
		}
	}
}

func throttle(o item) (t emulator.Throttle) {
	if text := o.text("ThrottlingRateLimit"); text != "" {
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil || !(rate > 0 && rate < 1e9) {
			o.warn("ThrottlingRateLimit", "the ThrottlingRateLimit is %s, which is not a positive number; there is no limit here", quote(text))
			return t
		}
		t.Rate = rate
	}
	t.Burst = o.number("ThrottlingBurstLimit", 0, 1, 1e9)
	return t
}

// readMappings reads the custom domain names of the stages.
func (a *api) readMappings(mappings []item, p *project.API) {
	for _, i := range mappings {
		name, key, stage := i.text("DomainName"), strings.Trim(i.text("ApiMappingKey"), "/"), i.text("Stage")
		n := slices.IndexFunc(p.Stages, func(s project.Stage) bool { return s.Config.Stage == stage })
		switch {
		case name == "":
			i.warn("", "the mapping has no DomainName")
		case n >= 0:
			p.Stages[n].Domains = append(p.Stages[n].Domains, project.Domain{Name: name, BasePath: key})
		case a.options.Stage == "":
			i.warn("Stage", "the mapping leads to the stage %s, which the API does not have", quote(stage))
		}
	}
}

// checkDeployments warns of routes that a deployment may leave out on AWS: CloudFormation may make
// it before them.
func (a *api) checkDeployments(stages, deployments []item) {
	if a.source.HasPermissions {
		return
	}
	byID := map[string]item{}
	for _, i := range deployments {
		byID[i.Ref(i.res)] = i
	}
	for _, stage := range stages {
		if stage.flag("AutoDeploy", false) {
			continue
		}
		id := stage.text("DeploymentId")
		deployment, ok := byID[id]
		switch {
		case id == "" && stage.res.Generated == "":
			stage.warn("", "the stage has neither AutoDeploy: true nor a DeploymentId, so it has no routes on AWS")
		case id != "" && !ok:
			stage.warn("DeploymentId", "there is no AWS::ApiGatewayV2::Deployment %s", quote(id))
		}
		if !ok {
			continue
		}
		first := map[string]bool{}
		deployment.before(first, deployment.res.ID)
		var missing []string
		for _, route := range a.routes {
			if !first[route.res.ID] && route.stack == deployment.stack {
				missing = append(missing, route.res.ID)
			}
		}
		if len(missing) > 0 {
			deployment.warn("", "the deployment does not depend on %s: AWS may deploy the stage without what comes later; add it to DependsOn",
				strings.Join(missing, ", "))
		}
	}
}

// before adds the resources that CloudFormation makes before one, as far as DependsOn says.
func (s *stack) before(first map[string]bool, id string) {
	res := s.template.Resource(id)
	if res == nil {
		return
	}
	for _, d := range res.DependsOn {
		if !first[d] {
			first[d] = true
			s.before(first, d)
		}
	}
}

// checkPermissions warns of functions that API Gateway may not call on AWS.
func (a *api) checkPermissions() {
	if a.source.HasPermissions {
		return
	}
	permitted := map[string][]string{} // patterns of sources, by function
	for _, i := range a.of("AWS::Lambda::Permission") {
		action := i.text("Action")
		if p := i.text("Principal"); p != "apigateway.amazonaws.com" && p != "*" || action != "lambda:InvokeFunction" && action != "lambda:*" {
			continue
		}
		f := a.project.Function(functionIn(i.text("FunctionName")))
		if f != nil {
			permitted[f.ID] = append(permitted[f.ID], cmp.Or(i.text("SourceArn"), "*"))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.calls)) {
		for _, c := range a.calls[id] {
			arn := fmt.Sprintf("arn:%s:execute-api:%s:%s:%s/%s", a.Pseudo("AWS::Partition"), a.region, a.account, a.apiID, c.path)
			if !slices.ContainsFunc(permitted[id], func(pattern string) bool { return iampattern.Match(pattern, arn) }) {
				c.from.warn("", "API Gateway could not call %s for %s on AWS: no AWS::Lambda::Permission allows it", id, c.name)
			}
		}
	}
}
