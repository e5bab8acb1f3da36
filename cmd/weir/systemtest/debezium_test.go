//go:build system

package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirstream/weir/connectors/kafka"
)

// stepLimit bounds how long what comes of a step may take, on a machine that is busy.
const stepLimit = time.Minute

// cdc is a CRM in PostgreSQL, read by Debezium into Kafka, and weir: the tutorial's own, as its commands start them.
type cdc struct {
	t         *testing.T
	dir       string // data and logs
	shell     *shell
	last      chapter // how the tutorial ends it all
	ports     *strings.Replacer
	postgres  string // ports
	kafkaPort string
	connect   string
	listen    string // of weir
	out       *ledger
	config    kafka.Config
}

// TestSystemDebezium shows that segments and triggers follow a database. The tutorial's commands run as they stand, on
// other ports; then SQL changes rows, keys and tables, and Kafka Connect is killed and sends old images again.
func TestSystemDebezium(t *testing.T) {
	x := newCDC(t)
	x.timed("the tutorial", x.begin)
	x.timed("changes", func() { x.play("changes.sql") })
	x.timed("the connector's restart", x.flushOffsets)
	x.timed("burst", func() { x.play("burst.sql") })
	x.timed("kill -9 of Connect and what is sent again", x.crash)
	x.timed("last changes", func() { x.play("last.sql") })
	x.settle()
	x.timed("the tutorial's end", x.end)
}

// newCDC chooses ports and a folder; nothing runs yet. The folder is kept if the test fails.
func newCDC(t *testing.T) *cdc {
	t.Helper()
	x := &cdc{t: t, dir: runFolder(t), listen: freeAddr(t)}
	if err := os.Chmod(x.dir, 0o755); err != nil { // PostgreSQL runs as a user of its own if this is root
		t.Fatal(err)
	}
	var err error
	if x.kafkaPort, err = freePorts(); err != nil {
		t.Fatal(err)
	}
	for _, port := range []*string{&x.postgres, &x.connect} {
		if _, *port, err = net.SplitHostPort(freeAddr(t)); err != nil {
			t.Fatal(err)
		}
	}
	x.ports = strings.NewReplacer("15432", x.postgres, "9092", x.kafkaPort, "8083", x.connect, "127.0.0.1:7070", x.listen,
		"deploy/local/run", x.dir)
	x.config = (&broker{addrs: "127.0.0.1:" + x.kafkaPort}).config("weir")
	return x
}

func (x *cdc) timed(what string, do func()) {
	x.t.Helper()
	began := time.Now()
	do()
	x.t.Logf("%s: %v", what, time.Since(began).Round(100*time.Millisecond))
}

// begin follows the tutorial up to where it stops the parts.
func (x *cdc) begin() {
	x.t.Helper()
	x.t.Cleanup(x.cleanUp)
	x.shell = newShell(x.t, "../../..", "WEIR_LOCAL_RUN="+x.dir)
	for _, c := range readTutorial(x.t, "../../../deploy/local/README.md") {
		if c.title == "Stop" {
			x.last = c
			break
		}
		x.shell.follow(c, x.ports)
	}
	if x.last.blocks == nil {
		x.t.Fatal("the tutorial does not say how to stop the parts")
	}
	x.out = openLedger(x.t, x.config)
}

// end follows the tutorial's last chapter: all parts, weir too, must end cleanly.
func (x *cdc) end() {
	x.t.Helper()
	x.shell.follow(x.last, x.ports)
	for script, port := range map[string]string{
		"postgres.sh": x.postgres, "kafka.sh": x.kafkaPort, "connect.sh": x.connect,
	} {
		if out, err := x.script(script, "", "status", port); err == nil {
			x.t.Errorf("%s still runs: %s", script, out)
		}
	}
	log, err := os.ReadFile(filepath.Join(x.dir, "weir.log"))
	if err != nil {
		x.t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"level":"ERROR"`) {
			x.t.Errorf("weir has logged %s", line)
		}
	}
}

// cleanUp ends what still runs; the shell ends weir.
func (x *cdc) cleanUp() {
	if x.t.Failed() {
		x.t.Logf("the last lines of weir's log:\n%s", lastLines(filepath.Join(x.dir, "weir.log"), 10))
	}
	for _, call := range [][]string{{"connect.sh", "kill", x.connect}, {"kafka.sh", "kill", x.kafkaPort},
		{"postgres.sh", "stop", x.postgres}} {
		if out, err := x.script(call[0], "", call[1:]...); err != nil {
			x.t.Errorf("cannot clean up: %s: %v\n%s", strings.Join(call, " "), err, out)
		}
	}
}

// script runs a script of deploy/local.
func (x *cdc) script(name, input string, args ...string) ([]byte, error) {
	path, err := filepath.Abs(filepath.Join("../../../deploy/local", name))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), blockLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "WEIR_LOCAL_RUN="+x.dir)
	cmd.Stdin = strings.NewReader(input)
	return cmd.CombinedOutput()
}

func (x *cdc) mustScript(name, input string, args ...string) string {
	x.t.Helper()
	out, err := x.script(name, input, args...)
	if err != nil {
		x.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (x *cdc) sql(text string) {
	x.t.Helper()
	x.mustScript("postgres.sh", text, "psql", x.postgres, "crm")
}

// play runs the steps of a file, each when the one before has come out.
func (x *cdc) play(file string) {
	x.t.Helper()
	for _, s := range readSteps(x.t, filepath.Join("testdata/debezium", file)) {
		if strings.TrimSpace(s.sql) != "" {
			x.sql(s.sql)
		}
		began := time.Now()
		x.t.Logf("%s: %s", file, s.name)
		x.out.expect(x.t, stepLimit, s.want)
		x.t.Logf("%d lines after %v", len(s.want), time.Since(began).Round(time.Millisecond))
	}
}

// flushOffsets lets Connect note how far it has read. It does so when a task ends, and then a minute after the start
// of the new one: what is sent until then will be sent again after a crash.
func (x *cdc) flushOffsets() {
	x.t.Helper()
	resp, err := http.Post("http://127.0.0.1:"+x.connect+"/connectors/crm/tasks/0/restart", "application/json", nil)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		x.t.Fatalf("cannot restart the connector's task: %s", resp.Status)
	}
	x.mustScript("connect.sh", "", "add", x.connect, "crm", "../../../deploy/local/crm/connector.properties",
		"database.port="+x.postgres)
}

// crash kills Connect, changes rows while it is away, and starts it again.
func (x *cdc) crash() {
	x.t.Helper()
	if again := x.sentAgain(); again["crm.public.contact"]+again["crm.public.lead"] > 0 {
		x.t.Fatalf("before the crash Connect has sent again: %v", again)
	}
	x.mustScript("connect.sh", "", "kill", x.connect)
	x.out.nothing(x.t)
	steps := readSteps(x.t, "testdata/debezium/away.sql")
	x.sql(steps[0].sql)
	x.shell.run(fmt.Sprintf("deploy/local/connect.sh start %s %s", x.connect, x.kafkaPort))
	x.out.expect(x.t, 2*time.Minute, steps[0].want)
	x.settle()
	again := x.sentAgain()
	x.t.Logf("records sent again: %v", again)
	for _, topic := range burstTopics {
		if again[topic] == 0 {
			x.t.Errorf("Connect has sent nothing of %s again: the crash has shown nothing", topic)
		}
	}
}

// burstTopics are those of the tables that burst.sql changes.
var burstTopics = []string{"crm.public.contact", "crm.public.account", "crm.public.lead", "crm.public.support_case"}

// sentAgain counts, by topic, the changes that are in a source topic more than once.
func (x *cdc) sentAgain() map[string]int {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tail, err := kafka.OpenTail(x.config, kafka.Committed, burstTopics...)
	if err != nil {
		x.t.Fatal(err)
	}
	defer tail.Close()
	again, seen := map[string]int{}, map[string]bool{}
	for end := false; !end; {
		if end, err = tail.AtEnd(ctx); err != nil {
			x.t.Fatal(err)
		} else if end {
			break
		}
		records, err := tail.Next(ctx)
		if err != nil {
			x.t.Fatal(err)
		}
		for i := range records {
			var v struct {
				Op     string
				Source struct{ LSN int64 }
			}
			if records[i].Value == nil {
				continue
			}
			if err := json.Unmarshal(records[i].Value, &v); err != nil {
				x.t.Fatal(err)
			}
			id := fmt.Sprintf("%s %s %s %d", records[i].Topic, records[i].Key, v.Op, v.Source.LSN)
			if seen[id] {
				again[records[i].Topic]++
			}
			seen[id] = true
		}
	}
	return again
}

// settle waits until weir has worked off all that is there, and then nothing more may have come out.
func (x *cdc) settle() {
	x.t.Helper()
	zeros := 0 // one after the other: a record may be on its way from one topic to the next
	await(x.t, stepLimit, "weir has worked off all", func() (bool, string) {
		lag, err := x.lag()
		if err != nil {
			return false, err.Error()
		}
		if zeros++; lag != 0 {
			zeros = 0
		}
		return zeros == 3, fmt.Sprintf("%d records to read", lag)
	})
	x.out.nothing(x.t)
}

// lag returns how many records weir has not read yet, by its own metrics.
func (x *cdc) lag() (lag int, err error) {
	resp, err := http.Get("http://" + x.listen + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return 0, err
	}
	gauges := 0
	for scan := bufio.NewScanner(&body); scan.Scan(); {
		name, text, _ := strings.Cut(scan.Text(), "} ")
		if strings.HasPrefix(name, "weir_input_lag_records{") {
			n, err := strconv.Atoi(text)
			if err != nil {
				return 0, err
			}
			gauges++
			lag += n
		}
	}
	if gauges == 0 {
		return 0, fmt.Errorf("weir tells no lag")
	}
	return lag, nil
}
