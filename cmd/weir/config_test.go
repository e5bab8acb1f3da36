package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// load merges the settings of flags, environment and file as a command would.
func load(t *testing.T, env, flags []string) (*Settings, map[string]origin, error) {
	t.Helper()
	p := &program{lookupEnv: func(name string) (string, bool) {
		for _, v := range env {
			if n, value, _ := strings.Cut(v, "="); n == name {
				return value, true
			}
		}
		return "", false
	}}
	cmd := &cobra.Command{}
	addSettingFlags(cmd)
	if err := cmd.ParseFlags(flags); err != nil {
		t.Fatal(err)
	}
	return p.loadSettings(cmd.Flags())
}

func TestDefaultsAreValid(t *testing.T) {
	s, origins, err := load(t, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.App != "weir" || s.Partitions != 64 || s.PartitionsGiven || s.Delivery != "exactly_once" ||
		s.SessionTimeout != 10*time.Second || s.EpochBytes != 32*mib || s.StaticMember() {
		t.Errorf("%+v", s)
	}
	for key, o := range origins {
		if o.Source != fromDefault {
			t.Errorf("%s is from %s", key, o.Source)
		}
	}
}

// What a setting shows can be read back, and its three names are its own.
func TestEachSetting(t *testing.T) {
	s, _, err := load(t, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]string)
	for i := range settings {
		d := &settings[i]
		for _, name := range []string{d.key, d.flag() + " (flag)", d.env()} {
			if other, taken := names[name]; taken {
				t.Errorf("%s and %s have the same name %s", d.key, other, name)
			}
			names[name] = d.key
		}
		if isGroup(d.key) {
			t.Errorf("%s is a setting and a group of settings", d.key)
		}
		shown := d.show(s)
		if err := d.parse(s, shown); err != nil || d.show(s) != shown {
			t.Errorf("%s: %q reads back as %q (%v)", d.key, shown, d.show(s), err)
		}
		if d.doc == "" || d.value == "" {
			t.Errorf("%s is not described", d.key)
		}
	}
}

func TestFlagBeatsEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	file := write(t, "weir.yaml", "app: file\ninstance: file\nlisten: 127.0.0.1:1\noutput:\n  format: msgpack\n"+
		"brokers: [a:1, b:2]\npartitions: 8\n")
	env := []string{"WEIR_APP=env", "WEIR_INSTANCE=env", "WEIR_CATALOG=", "WEIR_CONFIG=" + file}
	s, origins, err := load(t, env, []string{"--app", "flag", "--pprof"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, got, want string
		from           origin
	}{
		{"app", s.App, "flag", origin{fromFlag, "--app"}},
		{"instance", s.Instance, "env", origin{fromEnv, "WEIR_INSTANCE"}},
		{"listen", s.Listen, "127.0.0.1:1", origin{fromFile, file + ":3"}},
		{"output.format", s.OutputFormat, "msgpack", origin{fromFile, file + ":5"}},
		{"brokers", strings.Join(s.Brokers, " "), "a:1 b:2", origin{fromFile, file + ":6"}},
		{"catalog", s.Catalog, "", origin{Source: fromDefault}},
		{"delivery", s.Delivery, "exactly_once", origin{Source: fromDefault}},
	} {
		if c.got != c.want || origins[c.key] != c.from {
			t.Errorf("%s is %q from %v, expected %q from %v", c.key, c.got, origins[c.key], c.want, c.from)
		}
	}
	if !s.StaticMember() || !s.PartitionsGiven || !s.Pprof {
		t.Errorf("%+v", s)
	}
}

func TestEveryFaultIsReported(t *testing.T) {
	file := write(t, "weir.yaml", "brokrs: a:1\ntls:\n  enabeld: true\nlog:\n  level: loud\napp: one\napp.name: two\n")
	_, _, err := load(t, []string{"WEIR_PARTITIONS=0", "WEIR_EPOCH_BYTES=lots", "WEIR_BROKERS=nowhere"},
		[]string{"--config", file, "--session-timeout", "5s", "--transaction-timeout=6s", "--sasl-user", "u",
			"--listen", "0.0.0.0:80", "--pprof", "--tls-ca", "ca.pem", "--delivery", "exactly-once"})
	if err == nil {
		t.Fatal("no fault")
	}
	for _, part := range []string{
		file + `:1:1: unknown setting "brokrs" (did you mean brokers?)`,
		file + `:3:3: unknown setting "tls.enabeld" (did you mean tls.enabled?)`,
		file + `:7:1: unknown setting "app.name"`,
		`log.level (` + file + `:5): "loud" is not one of debug, info, warn, error`,
		`partitions (WEIR_PARTITIONS): 0 is not from 1 to 10000`,
		`epoch.bytes (WEIR_EPOCH_BYTES): "lots" is not a number of bytes`,
		`brokers: "nowhere" is not HOST:PORT`,
		`transaction.timeout: 6s must be below session.timeout, 5s`,
		`sasl.mechanism: is missing`,
		`pprof: listen is "0.0.0.0:80"`,
		`tls.enabled: is false`,
		`delivery: "exactly-once" is not one of exactly_once, at_least_once (did you mean exactly_once?)`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("missing: %s", part)
		}
	}
	if t.Failed() {
		t.Log(err)
	}
}

// A fault in a config file that holds a password must not print it.
func TestFaultsKeepThePassword(t *testing.T) {
	for _, text := range []string{
		"sasl:\n  password: hunter2\n   user: x\n", "sasl.password: [hunter2, {a: hunter2}]\n",
		"sasl.password: hunter2\nsasl:\n  password: hunter2\n", "sasl: hunter2\n", "- hunter2\n", "hunter2",
		"sasl.password: \"hunter2\n", "sasl.password: hunter2\n\tx: 1\n",
	} {
		_, _, err := load(t, nil, []string{"--config", write(t, "weir.yaml", text)})
		if err == nil {
			t.Errorf("accepted: %s", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestPasswordFile(t *testing.T) {
	file := write(t, "password", "hunter2\n")
	sasl := []string{"--sasl-mechanism", "SCRAM-SHA-512", "--sasl-user", "u"}
	s, _, err := load(t, nil, append(sasl, "--sasl-password-file", file))
	if err != nil || s.SASL.Password != "hunter2" {
		t.Errorf("%v %v", s, err)
	}
	if _, _, err := load(t, []string{"WEIR_SASL_PASSWORD=x"}, append(sasl, "--sasl-password-file", file)); err == nil {
		t.Error("two passwords")
	}
	if _, _, err := load(t, nil, append(sasl, "--sasl-password-file", file+".gone")); err == nil {
		t.Error("a file that is not there")
	}
	if _, _, err := load(t, nil, sasl); err == nil || !strings.Contains(err.Error(), "sasl.password-file") {
		t.Errorf("no password: %v", err)
	}
}

func TestConfigPrintsValuesAndSources(t *testing.T) {
	file := write(t, "weir.yaml", "brokers: k1:9092,k2:9092\n")
	env := []string{"WEIR_SASL_PASSWORD=hunter2", "WEIR_SASL_USER=crm", "WEIR_BROKER=x", "WEIR_SERVICE_HOST=10.0.0.1"}
	args := []string{"config", "--config", file, "--sasl-mechanism", "PLAIN", "--listen", "none"}
	r := weir(t, env, args...)
	if r.code != 0 {
		t.Fatalf("status %d: %s", r.code, r.stderr)
	}
	table := strings.Join(strings.Fields(r.stdout), " ")
	for _, part := range []string{
		"SETTING VALUE SOURCE", "brokers k1:9092,k2:9092 file " + file + ":1", "app weir default",
		"listen none flag --listen",
		"sasl.password (redacted) env WEIR_SASL_PASSWORD", "sasl.user crm env WEIR_SASL_USER",
	} {
		if !strings.Contains(table, part) {
			t.Errorf("missing: %s\n%s", part, r.stdout)
		}
	}
	want := "weir: the environment variable WEIR_BROKER is no setting (did you mean WEIR_BROKERS?)\n"
	if r.stderr != want {
		t.Errorf("%q", r.stderr)
	}
	r = weir(t, env, append(args, "--format", "json")...)
	var rows []effectiveSetting
	if err := json.Unmarshal([]byte(r.stdout), &rows); err != nil || len(rows) != len(settings) {
		t.Errorf("%d rows (%v)", len(rows), err)
	}
	if strings.Contains(r.stdout, "hunter2") {
		t.Error("the password is printed")
	}
}

func TestRequireNamesWhatIsMissing(t *testing.T) {
	s, _, err := load(t, nil, []string{"--brokers", "a:1"})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Require("brokers", "catalog", "state")
	if want := "missing: --catalog (or WEIR_CATALOG, or catalog in the config file), " +
		"--state (or WEIR_STATE, or state in the config file)"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	if err := s.Require("brokers"); err != nil {
		t.Error(err)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"0": 0, "17": 17, "1KiB": 1024, "64mib": 64 * mib, "2 GiB": 2 * gib,
		"10MB": 10_000_000, "5B": 5, "3kB": 3000} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q is %d, expected %d (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"", "x", "MiB", "-1", "1.5GiB", "99999999999TiB", "1 PiB"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestInstanceIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	first, err := instanceID(dir)
	if err != nil || checkTopicName(first) != nil {
		t.Fatalf("%q %v", first, err)
	}
	if again, err := instanceID(dir); err != nil || again != first {
		t.Errorf("%q, then %q (%v)", first, again, err)
	}
	if other, err := instanceID(t.TempDir()); err != nil || other == first {
		t.Errorf("another folder has the same name %q (%v)", other, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "instance"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := instanceID(dir); err == nil {
		t.Errorf("a damaged file gives %q", id)
	}
}

func TestLogLines(t *testing.T) {
	var out bytes.Buffer
	log := newLogger(&out, &Settings{App: "crm", LogFormat: "auto", LogLevel: slog.LevelWarn})
	log.Info("hidden")
	log.Warn("cannot commit", "partition", 3, "err", "x")
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	at, _ := line["time"].(string)
	if line["level"] != "WARN" || line["msg"] != "cannot commit" || line["app"] != "crm" || line["partition"] != 3.0 ||
		!strings.HasSuffix(at, "Z") {
		t.Errorf("%s", out.String())
	}
	out.Reset()
	newLogger(&out, &Settings{LogFormat: "text"}).Info("hello")
	if !strings.Contains(out.String(), "msg=hello") {
		t.Error(out.String())
	}
}

func TestNearest(t *testing.T) {
	known := []string{"check", "config", "explain", "version", "run"}
	for given, want := range map[string]string{"chekc": "check", "Confg": "config", "explian": "explain", "rnu": "run",
		"checks": "check", "demo": "", "": "", "x": ""} {
		if got := nearest(given, known); got != want {
			t.Errorf("%q: %q, expected %q", given, got, want)
		}
	}
}

// FuzzParseConfig: whatever the file holds, it is read or refused, and what is read are settings.
func FuzzParseConfig(f *testing.F) {
	for _, text := range []string{"app: x\n", "tls: {enabled: true}\n", "brokers: [a, b]\n", "a: &x [*x]\n", "---\n---\n",
		"? [a]: b", "<<: *x\n", "output: {format: {a: b}}\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, _ := parseConfig("f", []byte(text))
		for key := range values {
			if settingByKey(key) == nil {
				t.Errorf("%q is no setting", key)
			}
		}
	})
}
