package emulator

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/emulator/internal/signature"
	"github.com/gatesock/gatesock/internal/iampattern"
	"github.com/gatesock/gatesock/internal/sigv4"
)

// IAM requires that @connections calls over HTTP are signed with the credentials of one of the
// Users (AWS Signature Version 4, service execute-api, the region of Config), and that the user's
// policy allows them. Other calls get 403 (docs/gateway-facts.md, §7). [Gateway.Post],
// [Gateway.Info] and [Gateway.Disconnect] are calls within a process, and are not signed.
type IAM struct {
	// Connect sets the authorization type AWS_IAM for $connect: handshakes must be signed too, in
	// the header Authorization or presigned in the query. Then there is no Authorizer.
	Connect bool
	// Users are the users whose signatures are valid.
	Users []IAMUser
}

// IAMUser is a user with credentials and a policy.
type IAMUser struct {
	AccessKeyID, SecretAccessKey string
	// SessionToken is the token of temporary credentials, or "".
	SessionToken string
	// ARN is the user's ARN in events and policies. Default:
	// "arn:aws:iam::{AccountID}:user/{AccessKeyID}", with the partition of Config.Region.
	ARN string
	// Policy is an IAM policy in JSON, with Effect, Action and Resource. If it is empty, everything
	// is allowed. A handshake is the action execute-api:Invoke on
	// arn:aws:execute-api:{region}:{account}:{api}/{stage}/$connect. A call of @connections is
	// execute-api:ManageConnections on …/{stage}/{method}/@connections/{connectionId}, where
	// "{connectionId}" stands literally, so that a policy can't distinguish connections (observed,
	// from the text of a refusal).
	Policy string
}

// iamUser is a valid IAMUser.
type iamUser struct {
	IAMUser
	policy *policy // nil allows everything
}

// The actions in policies.
const (
	actionInvoke = "execute-api:Invoke"
	actionManage = "execute-api:ManageConnections"
)

// newIAM returns the users by access key id; nil if signatures are not required.
func newIAM(cfg Config) (map[string]iamUser, error) {
	if cfg.IAM == nil {
		return nil, nil
	}
	if cfg.IAM.Connect && cfg.Authorizer != nil {
		return nil, errors.New("$connect has one authorization type: IAM.Connect or an Authorizer, not both")
	}
	users := make(map[string]iamUser, len(cfg.IAM.Users))
	for _, u := range cfg.IAM.Users {
		user, err := newIAMUser(u, cfg)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", u.AccessKeyID, err)
		}
		if _, twice := users[u.AccessKeyID]; twice {
			return nil, fmt.Errorf("user %q: the AccessKeyID is not unique", u.AccessKeyID)
		}
		users[u.AccessKeyID] = user
	}
	return users, nil
}

// newIAMUser validates a user and fills in its defaults.
func newIAMUser(u IAMUser, cfg Config) (iamUser, error) {
	if u.AccessKeyID == "" || u.SecretAccessKey == "" {
		return iamUser{}, errors.New("AccessKeyID and SecretAccessKey must not be empty")
	}
	setDefault(&u.ARN, cfg.arn("iam")+":"+cfg.AccountID+":user/"+u.AccessKeyID)
	user := iamUser{IAMUser: u}
	if u.Policy == "" {
		return user, nil
	}
	if err := json.Unmarshal([]byte(u.Policy), &user.policy); err != nil {
		return iamUser{}, fmt.Errorf("Policy: %w", err) //nolint:staticcheck // a setting's name
	}
	if err := user.policy.validate(); err != nil {
		return iamUser{}, fmt.Errorf("Policy: %w", err) //nolint:staticcheck // a setting's name
	}
	return user, nil
}

// authenticate returns the user that signed a request, if the policy allows the action. The error
// is a *signature.Error.
func (g *Gateway) authenticate(d *deployment, r *signature.Request, action, resource string) (iamUser, error) {
	claim, err := signature.ReadClaim(r)
	if err != nil {
		return iamUser{}, err
	}
	user, ok := d.iam[claim.AccessKeyID]
	if !ok || subtle.ConstantTimeCompare([]byte(claim.Token), []byte(user.SessionToken)) == 0 {
		return iamUser{}, &signature.Error{
			Type:    "UnrecognizedClientException",
			Message: "The security token included in the request is invalid.",
		}
	}
	if err := claim.Verify(r, user.SecretAccessKey, d.cfg.Region, g.signingTime()); err != nil {
		return iamUser{}, err
	}
	if user.policy != nil && user.policy.decide(action, d.cfg.stageARN(d.cfg.AccountID)+resource) != nil {
		masked := "********" + d.cfg.AccountID[max(0, len(d.cfg.AccountID)-4):]
		return iamUser{}, &signature.Error{
			Type: "AccessDeniedException",
			Message: "User: " + user.ARN + " is not authorized to perform: " + action +
				" on resource: " + d.cfg.stageARN(masked) + resource,
		}
	}
	return user, nil
}

// signingTime returns the time by which clients sign: the machine's, if the clock runs, also when
// it was put forward. Otherwise a move by more than five minutes would make each signature expire.
func (g *Gateway) signingTime() time.Time {
	if g.clockRuns {
		return time.Now()
	}
	return g.clock.Now()
}

// signedHandshake sets the user that signed a handshake. The error refuses the handshake.
func (s *Session) signedHandshake(h *Handshake, st stamp) error {
	r := &signature.Request{
		Method: http.MethodGet, Path: h.path, Query: h.Query, Host: h.Host,
		Header: canonicalHeader(h.Header), PayloadHash: sigv4.HashPayload(nil),
	}
	setDefault(&r.Path, s.g.BasePath())
	setDefault(&r.Path, "/")
	setDefault(&r.Host, s.domain)
	user, err := s.g.authenticate(st.on, r, actionInvoke, gatesock.RouteConnect)
	var fault *signature.Error
	if errors.As(err, &fault) {
		return s.refuse(h, http.StatusForbidden, fault.Message, st)
	}
	h.user = user.IAMUser
	return err
}

// checkSignature reports whether an @connections call is allowed. If not, it has written the
// response.
func (g *Gateway) checkSignature(w http.ResponseWriter, r *http.Request, payload []byte) bool {
	d := g.current()
	if d.iam == nil {
		return true
	}
	_, err := g.authenticate(d, &signature.Request{
		Method: r.Method, Path: wirePath(r), Query: parseQuery(r.URL.RawQuery), Host: r.Host,
		Header: r.Header, PayloadHash: sigv4.HashPayload(payload),
	}, actionManage, r.Method+"/@connections/{connectionId}")
	var fault *signature.Error
	if errors.As(err, &fault) {
		reason, _, _ := strings.Cut(fault.Message, "\n") // without the canonical request that follows
		g.logger().Info("@connections call refused", logged("error", fault.Type+": "+reason))
		writeMessage(w, http.StatusForbidden, fault.Type, fault.Message)
	}
	return err == nil
}

// wirePath returns the path of a request as it was sent, wherever the gateway is mounted.
func wirePath(r *http.Request) string {
	if u, err := url.ParseRequestURI(r.RequestURI); err == nil {
		return u.EscapedPath()
	}
	return r.URL.EscapedPath()
}

// policy is the part of an IAM policy that the emulator supports: statements with actions and
// resources.
type policy struct {
	Version   string
	Statement oneOrMore[statement]
}

type statement struct {
	Effect   string
	Action   oneOrMore[string]
	Resource oneOrMore[string]
	// Not supported. A policy that has them is an error, since ignoring them could allow too much.
	NotAction, NotResource oneOrMore[string]
	Condition              map[string]json.RawMessage
}

// members decodes the members of an object that into has a place for. It matches names exactly, as
// AWS documents them. encoding/json ignores case.
func members(object []byte, into map[string]any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		return err
	}
	for name, place := range into {
		if text, ok := all[name]; ok && string(text) != "null" {
			if err := json.Unmarshal(text, place); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func (p *policy) UnmarshalJSON(data []byte) error {
	return members(data, map[string]any{"Version": &p.Version, "Statement": &p.Statement})
}

func (s *statement) UnmarshalJSON(data []byte) error {
	return members(data, map[string]any{
		"Effect": &s.Effect, "Action": &s.Action, "Resource": &s.Resource,
		"NotAction": &s.NotAction, "NotResource": &s.NotResource, "Condition": &s.Condition,
	})
}

// oneOrMore is a list that may be written as its only element (IAM User Guide, "IAM JSON policy
// elements").
type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = oneOrMore[T]{one}
	return nil
}

// decide returns nil if the policy allows the action on the resource: a statement allows it and
// none denies it (IAM User Guide, "Policy evaluation logic"). Otherwise it returns errDenied, or an
// error for a policy that is not valid.
func (p *policy) decide(action, resource string) error {
	if err := p.validate(); err != nil {
		return fmt.Errorf("policyDocument: %w", err)
	}
	allowed, denied := false, false
	for _, s := range p.Statement {
		if s.matches(action, resource) {
			allowed = allowed || s.Effect == "Allow"
			denied = denied || s.Effect == "Deny"
		}
	}
	if denied || !allowed {
		return errDenied
	}
	return nil
}

// matches reports whether the statement is about the action on the resource.
func (s *statement) matches(action, resource string) bool {
	isAction := func(a string) bool { return iampattern.Match(strings.ToLower(a), strings.ToLower(action)) }
	isResource := func(r string) bool { return iampattern.MatchARN(r, resource) }
	return slices.ContainsFunc(s.Action, isAction) && slices.ContainsFunc(s.Resource, isResource)
}

// validate returns an error for the first statement that is not valid.
func (p *policy) validate() error {
	if len(p.Statement) == 0 {
		return errors.New("no Statement")
	}
	for i, s := range p.Statement {
		if err := s.validate(); err != nil {
			return fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *statement) validate() error {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf("want the Effect Allow or Deny, got %.100q", s.Effect)
	case len(s.NotAction)+len(s.NotResource)+len(s.Condition) > 0:
		return errors.New("the emulator does not support NotAction, NotResource and Condition")
	case len(s.Action) == 0 || len(s.Resource) == 0:
		return errors.New("no Action or no Resource (member names are case-sensitive)")
	}
	for _, r := range s.Resource {
		if len(r) > maxResource {
			return fmt.Errorf("a Resource of %d characters, at most %d are allowed", len(r), maxResource)
		}
	}
	return nil
}

// maxResource is the maximum length of a resource (docs/gateway-facts.md, §4).
const maxResource = 512
