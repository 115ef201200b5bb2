<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en_US">
<context>
    <name>Activity</name>
    <message>
        <source>Everything</source>
        <translation>Alles</translation>
    </message>
    <message>
        <source>Trouble only</source>
        <translation>Nur Störungen</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Pauses and rules</source>
        <translation>Pausen und Regeln</translation>
    </message>
    <message>
        <source>Coordinator</source>
        <translation>Koordinator</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>Joining and leaving</source>
        <translation>Beitritt und Austritt</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Schlüssel</translation>
    </message>
    <message>
        <source>Program</source>
        <translation>Programm</translation>
    </message>
    <message>
        <source>The node started, version {subject}.</source>
        <translation>Der Knoten ist gestartet, Version {subject}.</translation>
    </message>
    <message>
        <source>The node was asked to stop.</source>
        <translation>Der Knoten sollte anhalten.</translation>
    </message>
    <message>
        <source>This computer joined the mesh of {subject}.</source>
        <translation>Dieser Rechner ist dem Mesh von {subject} beigetreten.</translation>
    </message>
    <message>
        <source>This computer could not join a mesh.</source>
        <translation>Dieser Rechner konnte keinem Mesh beitreten.</translation>
    </message>
    <message>
        <source>This computer is leaving the mesh.</source>
        <translation>Dieser Rechner verlässt das Mesh.</translation>
    </message>
    <message>
        <source>This computer has left the mesh.</source>
        <translation>Dieser Rechner hat das Mesh verlassen.</translation>
    </message>
    <message>
        <source>The mesh has put this computer out.</source>
        <translation>Das Mesh hat diesen Rechner ausgeschlossen.</translation>
    </message>
    <message>
        <source>This computer paused.</source>
        <translation>Dieser Rechner macht Pause.</translation>
    </message>
    <message>
        <source>What uses the graphics card paused.</source>
        <translation>Was die Grafikkarte nutzt, macht Pause.</translation>
    </message>
    <message>
        <source>This computer went on working.</source>
        <translation>Dieser Rechner arbeitet weiter.</translation>
    </message>
    <message>
        <source>The rules were changed.</source>
        <translation>Die Regeln wurden geändert.</translation>
    </message>
    <message>
        <source>{subject} started.</source>
        <translation>{subject} ist gestartet.</translation>
    </message>
    <message>
        <source>{subject} is well again.</source>
        <translation>{subject} arbeitet wieder richtig.</translation>
    </message>
    <message>
        <source>{subject} is being started again.</source>
        <translation>{subject} wird neu gestartet.</translation>
    </message>
    <message>
        <source>{subject} does not answer as it should.</source>
        <translation>{subject} antwortet nicht, wie es sein soll.</translation>
    </message>
    <message>
        <source>{subject} failed.</source>
        <translation>{subject} ist ausgefallen.</translation>
    </message>
    <message>
        <source>{subject} stopped.</source>
        <translation>{subject} ist beendet.</translation>
    </message>
    <message>
        <source>The coordinator {subject} answers.</source>
        <translation>Der Koordinator {subject} antwortet.</translation>
    </message>
    <message>
        <source>The coordinator {subject} does not answer. Work goes on.</source>
        <translation>Der Koordinator {subject} antwortet nicht. Die Arbeit geht weiter.</translation>
    </message>
    <message>
        <source>The coordinator {subject} refuses this computer.</source>
        <translation>Der Koordinator {subject} weist diesen Rechner ab.</translation>
    </message>
    <message>
        <source>The private network is up; this computer is {subject} in it.</source>
        <translation>Das private Netz steht; dieser Rechner ist darin {subject}.</translation>
    </message>
    <message>
        <source>The private network is down. Other routes are used.</source>
        <translation>Das private Netz steht nicht. Andere Wege werden genutzt.</translation>
    </message>
    <message>
        <source>The private network has trouble. Other routes are used.</source>
        <translation>Das private Netz ist gestört. Andere Wege werden genutzt.</translation>
    </message>
    <message>
        <source>The public address {subject} leads to this computer.</source>
        <translation>Die öffentliche Adresse {subject} führt zu diesem Rechner.</translation>
    </message>
    <message>
        <source>The public address {subject} leads here no more.</source>
        <translation>Die öffentliche Adresse {subject} führt nicht mehr hierher.</translation>
    </message>
    <message>
        <source>The public address has trouble.</source>
        <translation>Die öffentliche Adresse ist gestört.</translation>
    </message>
    <message>
        <source>The mesh renewed this computer&apos;s credential.</source>
        <translation>Das Mesh hat den Ausweis dieses Rechners erneuert.</translation>
    </message>
    <message>
        <source>The mesh renewed this computer&apos;s place in the private network.</source>
        <translation>Das Mesh hat den Platz dieses Rechners im privaten Netz erneuert.</translation>
    </message>
    <message>
        <source>This computer&apos;s place in the private network was not renewed.</source>
        <translation>Der Platz dieses Rechners im privaten Netz wurde nicht erneuert.</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>Heute</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>Gestern</translation>
    </message>
</context>
<context>
    <name>Banner</name>
    <message>
        <source>Dismiss this message</source>
        <translation>Diese Meldung schließen</translation>
    </message>
</context>
<context>
    <name>Chart</name>
    <message>
        <source>No requests in the last minute</source>
        <translation>Keine Anfragen in der letzten Minute</translation>
    </message>
</context>
<context>
    <name>Content</name>
    <message>
        <source>Begin with new rules</source>
        <translation>Mit neuen Regeln beginnen</translation>
    </message>
    <message>
        <source>Reset all rules…</source>
        <translation>Alle Regeln zurücksetzen…</translation>
    </message>
    <message>
        <source>The rules cannot be changed just now</source>
        <translation>Die Regeln können gerade nicht geändert werden</translation>
    </message>
    <message>
        <source>The node on this computer does not answer. This is how its rules were.</source>
        <translation>Der Knoten auf diesem Rechner antwortet nicht. So waren seine Regeln.</translation>
    </message>
    <message>
        <source>Mend the file and start RMA Mesh again, or begin with the rules that are shown below.</source>
        <translation>Bringen Sie die Datei in Ordnung und starten Sie RMA Mesh neu, oder beginnen Sie mit den Regeln, die unten stehen.</translation>
    </message>
    <message>
        <source>Your rules cannot be read</source>
        <translation>Ihre Regeln sind nicht lesbar</translation>
    </message>
    <message>
        <source>Reset all rules?</source>
        <translation>Alle Regeln zurücksetzen?</translation>
    </message>
    <message>
        <source>Your schedule, your list of programs and all limits become what they were at first. Which services may run, and whether this computer takes part in the mesh, stays as it is.</source>
        <translation>Ihr Zeitplan, Ihre Liste von Programmen und alle Grenzen werden wieder, wie sie am Anfang waren. Welche Dienste laufen dürfen und ob dieser Rechner am Mesh teilnimmt, bleibt wie es ist.</translation>
    </message>
    <message>
        <source>Reset</source>
        <translation>Zurücksetzen</translation>
    </message>
    <message>
        <source>Keep my rules</source>
        <translation>Meine Regeln behalten</translation>
    </message>
    <message>
        <source>All rules</source>
        <translation>Alle Regeln</translation>
    </message>
    <message>
        <source>Begin with new rules?</source>
        <translation>Mit neuen Regeln beginnen?</translation>
    </message>
    <message>
        <source>This computer then goes by the rules that are shown here, and goes on working. The file that cannot be read is kept beside them.</source>
        <translation>Dieser Rechner richtet sich dann nach den Regeln, die hier stehen, und arbeitet weiter. Die Datei, die nicht lesbar ist, wird daneben aufgehoben.</translation>
    </message>
    <message>
        <source>Leave it as it is</source>
        <translation>So lassen</translation>
    </message>
    <message>
        <source>Your rules hold from the moment that you change them. They are kept on this computer.</source>
        <translation>Ihre Regeln gelten, sobald Sie sie ändern. Sie bleiben auf diesem Rechner.</translation>
    </message>
</context>
<context>
    <name>ContributionCard</name>
    <message>
        <source>What this computer has given</source>
        <translation>Was dieser Rechner gegeben hat</translation>
    </message>
    <message>
        <source>Requests answered</source>
        <translation>Beantwortete Anfragen</translation>
    </message>
    <message>
        <source>Processor time</source>
        <translation>Prozessorzeit</translation>
    </message>
    <message>
        <source>GPU time</source>
        <translation>GPU-Zeit</translation>
    </message>
    <message>
        <source>Energy, estimated</source>
        <translation>Energie, geschätzt</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>Heute</translation>
    </message>
    <message>
        <source>This week</source>
        <translation>Diese Woche</translation>
    </message>
    <message>
        <source>In all</source>
        <translation>Insgesamt</translation>
    </message>
    <message>
        <source>As of %1</source>
        <translation>Stand: %1</translation>
    </message>
    <message>
        <source>Waiting for the node on this computer to tell.</source>
        <translation>Der Knoten auf diesem Rechner hat es noch nicht gesagt.</translation>
    </message>
    <message>
        <source>Nothing yet. What this computer gives is counted from its first request on.</source>
        <translation>Noch nichts. Gezählt wird ab der ersten Anfrage, die dieser Rechner beantwortet.</translation>
    </message>
    <message>
        <source>Requests on each day of the last two weeks. Counted since %1.</source>
        <translation>Anfragen an jedem Tag der letzten zwei Wochen. Gezählt seit %1.</translation>
    </message>
    <message>
        <source>Processor time × %1 W for a busy core, plus GPU time × what the GPU takes (%2 W where it does not tell). It is an estimate of what is used beyond what an idle computer takes.</source>
        <translation>Prozessorzeit × %1 W für einen beschäftigten Kern, dazu GPU-Zeit × was die GPU braucht (%2 W, wo sie es nicht sagt). Es ist eine Schätzung dessen, was über einen untätigen Rechner hinaus verbraucht wird.</translation>
    </message>
    <message>
        <source>Requests that could not be answered here: %1</source>
        <translation>Anfragen, die hier nicht beantwortet werden konnten: %1</translation>
    </message>
    <message>
        <source>Requests on %1: %2</source>
        <translation>Anfragen am %1: %2</translation>
    </message>
</context>
<context>
    <name>Counted</name>
    <message numerus="yes">
        <source>Finishing %Ln request(s).</source>
        <translation>
            <numerusform>%Ln Anfrage wird beendet.</numerusform>
            <numerusform>%Ln Anfragen werden beendet.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Finishing %Ln request(s) first.</source>
        <translation>
            <numerusform>%Ln Anfrage wird erst beendet.</numerusform>
            <numerusform>%Ln Anfragen werden erst beendet.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Helping with %Ln service(s).</source>
        <translation>
            <numerusform>Hilft mit %Ln Dienst.</numerusform>
            <numerusform>Hilft mit %Ln Diensten.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln request(s)</source>
        <translation>
            <numerusform>%Ln Anfrage</numerusform>
            <numerusform>%Ln Anfragen</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln request(s) in the last minute</source>
        <translation>
            <numerusform>%Ln Anfrage in der letzten Minute</numerusform>
            <numerusform>%Ln Anfragen in der letzten Minute</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln computer(s)</source>
        <translation>
            <numerusform>%Ln Rechner</numerusform>
            <numerusform>%Ln Rechner</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln other computer(s)</source>
        <translation>
            <numerusform>%Ln anderer Rechner</numerusform>
            <numerusform>%Ln andere Rechner</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln core(s)</source>
        <translation>
            <numerusform>%Ln Kern</numerusform>
            <numerusform>%Ln Kerne</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln day(s) ago</source>
        <translation>
            <numerusform>vor %Ln Tag</numerusform>
            <numerusform>vor %Ln Tagen</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln new entry(s)</source>
        <translation>
            <numerusform>%Ln neuer Eintrag</numerusform>
            <numerusform>%Ln neue Einträge</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln found</source>
        <translation>
            <numerusform>%Ln gefunden</numerusform>
            <numerusform>%Ln gefunden</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>It was the turn of {name} among %Ln computer(s).</source>
        <translation>
            <numerusform>{name} war an der Reihe, als einziger Rechner.</numerusform>
            <numerusform>Unter %Ln Rechnern war {name} an der Reihe.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{name} had the fewest of our requests among %Ln computer(s).</source>
        <translation>
            <numerusform>{name} hatte unter %Ln Rechner die wenigsten unserer Anfragen.</numerusform>
            <numerusform>{name} hatte unter %Ln Rechnern die wenigsten unserer Anfragen.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{name} was picked among the least busy of %Ln computer(s).</source>
        <translation>
            <numerusform>{name} wurde unter den am wenigsten beschäftigten gewählt, von %Ln Rechner.</numerusform>
            <numerusform>{name} wurde unter den am wenigsten beschäftigten von %Ln Rechnern gewählt.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>{name} was picked among the least busy of %Ln computer(s), with a load of {load}.</source>
        <translation>
            <numerusform>{name} wurde unter den am wenigsten beschäftigten gewählt, von %Ln Rechner, mit einer Last von {load}.</numerusform>
            <numerusform>{name} wurde unter den am wenigsten beschäftigten von %Ln Rechnern gewählt, mit einer Last von {load}.</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln computer(s) were passed over, because they had failed too often.</source>
        <translation>
            <numerusform>Einer wurde übergangen, weil er zu oft gescheitert war.</numerusform>
            <numerusform>%Ln wurden übergangen, weil sie zu oft gescheitert waren.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>DayLines</name>
    <message>
        <source>Hours on {day}</source>
        <translation>Stunden am {day}</translation>
    </message>
    <message>
        <source>rests all day</source>
        <translation>ruht den ganzen Tag</translation>
    </message>
    <message>
        <source>“{part}” on {day} are no hours of a day. Write them like 0:00–8:00, 18:00–24:00; a night is the end of one day and the start of the next.</source>
        <translation>„{part}“ am {day} sind keine Stunden eines Tages. Schreiben Sie sie wie 0:00–8:00, 18:00–24:00; eine Nacht ist das Ende eines Tages und der Anfang des nächsten.</translation>
    </message>
</context>
<context>
    <name>DiagnosticsDialog</name>
    <message>
        <source>Diagnostics</source>
        <translation>Diagnose</translation>
    </message>
    <message>
        <source>Export diagnostics</source>
        <translation>Diagnose speichern</translation>
    </message>
    <message>
        <source>The information could not be collected</source>
        <translation>Die Angaben konnten nicht gesammelt werden</translation>
    </message>
    <message>
        <source>Please close this and try again.</source>
        <translation>Bitte schließen Sie das Fenster und versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>Secrets, names of people and public addresses were taken out. Have a look before you pass it on: {count} of {all} files are chosen, {size} before compression.</source>
        <translation>Geheimnisse, Namen von Menschen und öffentliche Adressen sind herausgenommen. Sehen Sie nach, bevor Sie es weitergeben: {count} von {all} Dateien sind gewählt, {size} vor dem Packen.</translation>
    </message>
    <message>
        <source>The file could not be written</source>
        <translation>Die Datei konnte nicht geschrieben werden</translation>
    </message>
    <message>
        <source>The system says: {error}.</source>
        <translation>Das System sagt: {error}.</translation>
    </message>
    <message>
        <source>Please choose another place.</source>
        <translation>Bitte wählen Sie einen anderen Ort.</translation>
    </message>
    <message>
        <source>Collecting what helps to find out what is wrong. This takes some seconds.</source>
        <translation>Gesammelt wird, was hilft, den Fehler zu finden. Das dauert einige Sekunden.</translation>
    </message>
    <message>
        <source>How far the collection is</source>
        <translation>Wie weit das Sammeln ist</translation>
    </message>
    <message>
        <source>What is inside; uncheck what shall be left out</source>
        <translation>Was darin ist; wählen Sie ab, was wegbleiben soll</translation>
    </message>
    <message>
        <source>The text of the file that is chosen</source>
        <translation>Der Text der gewählten Datei</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>Speichern…</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>What is inside</source>
        <translation>Was darin ist</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{value} bytes</source>
        <translation>{value} Byte</translation>
    </message>
    <message>
        <source>{value} kB</source>
        <translation>{value} kB</translation>
    </message>
    <message>
        <source>{value} MB</source>
        <translation>{value} MB</translation>
    </message>
    <message>
        <source>{value} GB</source>
        <translation>{value} GB</translation>
    </message>
    <message>
        <source>{value} TB</source>
        <translation>{value} TB</translation>
    </message>
    <message>
        <source>{value} PB</source>
        <translation>{value} PB</translation>
    </message>
    <message>
        <source>{value} %</source>
        <translation>{value} %</translation>
    </message>
    <message>
        <source>{value} s</source>
        <translation>{value} s</translation>
    </message>
    <message>
        <source>{value} ms</source>
        <translation>{value} ms</translation>
    </message>
    <message>
        <source>{size}/s</source>
        <translation>{size}/s</translation>
    </message>
    <message>
        <source>{value} min</source>
        <translation>{value} min</translation>
    </message>
    <message>
        <source>{value} h</source>
        <translation>{value} h</translation>
    </message>
    <message>
        <source>{value} Wh</source>
        <translation>{value} Wh</translation>
    </message>
    <message>
        <source>{value} kWh</source>
        <translation>{value} kWh</translation>
    </message>
    <message>
        <source>{weekday} {time}</source>
        <translation>{weekday} {time}</translation>
    </message>
    <message>
        <source>now</source>
        <translation>jetzt</translation>
    </message>
    <message>
        <source>{value} s ago</source>
        <translation>vor {value} s</translation>
    </message>
    <message>
        <source>{value} min ago</source>
        <translation>vor {value} min</translation>
    </message>
    <message>
        <source>{value} h ago</source>
        <translation>vor {value} h</translation>
    </message>
</context>
<context>
    <name>Goodbye</name>
    <message>
        <source>A coordinator keeps its keys in {folder}, too, so nothing was deleted. Please move it elsewhere, or delete this node&apos;s files yourself.</source>
        <translation>In {folder} bewahrt auch ein Koordinator seine Schlüssel auf, darum wurde nichts gelöscht. Bitte legen Sie ihn woandershin, oder löschen Sie die Dateien dieses Knotens selbst.</translation>
    </message>
    <message>
        <source>The node on this computer could not be ended, so nothing was deleted. Please try again.</source>
        <translation>Der Knoten auf diesem Rechner ließ sich nicht beenden, darum wurde nichts gelöscht. Bitte versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>In {folder} there are files that are not known as ours, or cannot be deleted: {names}.</source>
        <translation>In {folder} liegen Dateien, die nicht als unsere bekannt sind oder sich nicht löschen lassen: {names}.</translation>
    </message>
    <message>
        <source>The private network&apos;s helper was installed by an administrator and stays. It holds nothing of yours; “installers” in RMA Mesh&apos;s documentation says how it is removed.</source>
        <translation>Der Helfer des privaten Netzes wurde von einem Administrator eingerichtet und bleibt. Er enthält nichts von Ihnen; „installers“ in der Dokumentation von RMA Mesh sagt, wie man ihn entfernt.</translation>
    </message>
    <message>
        <source>This computer&apos;s key could not be deleted. {why}</source>
        <translation>Der Schlüssel dieses Rechners konnte nicht gelöscht werden. {why}</translation>
    </message>
    <message>
        <source>The system&apos;s keyring did not let go of this computer&apos;s key: “{entry}” of “{service}”.</source>
        <translation>Der Schlüsselbund des Systems hat den Schlüssel dieses Rechners nicht freigegeben: „{entry}“ von „{service}“.</translation>
    </message>
    <message>
        <source>This computer&apos;s key was provided by the system, which still has it.</source>
        <translation>Der Schlüssel dieses Rechners kam vom System, das ihn noch hat.</translation>
    </message>
    <message>
        <source>Starting at login could not be switched off: {why}.</source>
        <translation>Der Start beim Anmelden ließ sich nicht abschalten: {why}.</translation>
    </message>
    <message>
        <source>{names} and others</source>
        <translation>{names} und andere</translation>
    </message>
</context>
<context>
    <name>GoodbyeCard</name>
    <message>
        <source>Leave</source>
        <translation>Austreten</translation>
    </message>
    <message>
        <source>Leave this mesh…</source>
        <translation>Dieses Mesh verlassen…</translation>
    </message>
    <message>
        <source>Leave and delete everything…</source>
        <translation>Verlassen und alles löschen…</translation>
    </message>
    <message>
        <source>This computer is in no mesh.</source>
        <translation>Dieser Rechner ist in keinem Mesh.</translation>
    </message>
    <message>
        <source>This computer is in the mesh of {host}, as {name}.</source>
        <translation>Dieser Rechner ist im Mesh von {host}, als {name}.</translation>
    </message>
    <message>
        <source>It is leaving now. Requests under way are finished first.</source>
        <translation>Er tritt gerade aus. Laufende Anfragen werden vorher beendet.</translation>
    </message>
    <message>
        <source>The node on this computer was started by somebody else, so its files are not deleted from here.</source>
        <translation>Den Knoten auf diesem Rechner hat jemand anders gestartet, darum werden seine Dateien nicht von hier aus gelöscht.</translation>
    </message>
    <message>
        <source>The node does not answer, so it cannot leave. Everything can be deleted all the same.</source>
        <translation>Der Knoten antwortet nicht und kann darum nicht austreten. Löschen geht trotzdem.</translation>
    </message>
    <message>
        <source>Leave this mesh?</source>
        <translation>Dieses Mesh verlassen?</translation>
    </message>
    <message>
        <source>Requests under way are finished, then this computer stops helping. Its key and membership are deleted; your rules stay. To come back you need a new invite from the mesh&apos;s operator.</source>
        <translation>Laufende Anfragen werden beendet, dann hilft dieser Rechner nicht mehr. Sein Schlüssel und seine Mitgliedschaft werden gelöscht; Ihre Regeln bleiben. Zum Wiederkommen brauchen Sie eine neue Einladung vom Betreiber des Meshs.</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>Bleiben</translation>
    </message>
    <message>
        <source>Leave and delete everything?</source>
        <translation>Verlassen und alles löschen?</translation>
    </message>
    <message>
        <source>Delete everything</source>
        <translation>Alles löschen</translation>
    </message>
    <message>
        <source>Keep everything</source>
        <translation>Alles behalten</translation>
    </message>
    <message>
        <source>• The place in the mesh of {host}. To come back you need a new invite.</source>
        <translation>• Der Platz im Mesh von {host}. Zum Wiederkommen brauchen Sie eine neue Einladung.</translation>
    </message>
    <message>
        <source>• Requests that take longer than half a minute to finish.</source>
        <translation>• Anfragen, die länger als eine halbe Minute brauchen.</translation>
    </message>
    <message>
        <source>• The node does not answer, so no coordinator will be told.</source>
        <translation>• Der Knoten antwortet nicht, darum erfährt es kein Koordinator.</translation>
    </message>
    <message>
        <source>• This computer&apos;s keys, in the system&apos;s keyring, too. Nobody can bring them back.</source>
        <translation>• Die Schlüssel dieses Rechners, auch die im Schlüsselbund des Systems. Niemand kann sie zurückholen.</translation>
    </message>
    <message>
        <source>• All rules, the schedule, and what was counted of your contribution.</source>
        <translation>• Alle Regeln, der Zeitplan und was von Ihrem Beitrag gezählt wurde.</translation>
    </message>
    <message>
        <source>• What services keep here, such as a library of documents, and all logs.</source>
        <translation>• Was Dienste hier aufbewahren, etwa eine Sammlung von Dokumenten, und alle Protokolle.</translation>
    </message>
    <message>
        <source>• The start at login.</source>
        <translation>• Der Start beim Anmelden.</translation>
    </message>
    <message>
        <source>Files are deleted from {folder}.</source>
        <translation>Gelöscht werden Dateien in {folder}.</translation>
    </message>
    <message>
        <source>RMA Mesh closes afterwards. The program itself stays installed.</source>
        <translation>RMA Mesh schließt sich danach. Das Programm selbst bleibt installiert.</translation>
    </message>
</context>
<context>
    <name>GoodbyeDialog</name>
    <message>
        <source>Leaving and deleting</source>
        <translation>Verlassen und löschen</translation>
    </message>
    <message>
        <source>Close RMA Mesh</source>
        <translation>RMA Mesh schließen</translation>
    </message>
    <message>
        <source>Not everything could be deleted</source>
        <translation>Nicht alles konnte gelöscht werden</translation>
    </message>
    <message>
        <source>Everything was deleted</source>
        <translation>Alles ist gelöscht</translation>
    </message>
    <message>
        <source>Leaving and deleting everything</source>
        <translation>Mesh wird verlassen, alles wird gelöscht</translation>
    </message>
    <message>
        <source>When you start RMA Mesh again, it is as it was the first time. The program itself stays until you remove it as you remove other programs.</source>
        <translation>Wenn Sie RMA Mesh wieder starten, ist es wie beim ersten Mal. Das Programm selbst bleibt, bis Sie es entfernen wie andere Programme.</translation>
    </message>
    <message>
        <source>This takes half a minute at most in good times, and two minutes where nobody answers.</source>
        <translation>Das dauert sonst höchstens eine halbe Minute, und zwei Minuten, wenn niemand antwortet.</translation>
    </message>
    <message>
        <source>This computer was in no mesh.</source>
        <translation>Dieser Rechner war in keinem Mesh.</translation>
    </message>
    <message>
        <source>This computer has left, but no coordinator could be told. It may still be listed there for a while; nobody can reach it. You may tell the person who invited you.</source>
        <translation>Dieser Rechner ist ausgetreten, aber kein Koordinator konnte es erfahren. Er mag dort noch eine Weile verzeichnet sein; erreichen kann ihn niemand. Sie können es der Person sagen, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>Finish requests under way, and leave the mesh</source>
        <translation>Laufende Anfragen beenden und das Mesh verlassen</translation>
    </message>
    <message>
        <source>End the node on this computer</source>
        <translation>Den Knoten auf diesem Rechner beenden</translation>
    </message>
    <message>
        <source>Delete keys, rules, files and the start at login</source>
        <translation>Schlüssel, Regeln, Dateien und den Start beim Anmelden löschen</translation>
    </message>
</context>
<context>
    <name>GraphicsCard</name>
    <message>
        <source>Graphics card</source>
        <translation>Grafikkarte</translation>
    </message>
    <message>
        <source>Rest what uses the graphics card while that is too hot</source>
        <translation>Ruhen lassen, was die Grafikkarte nutzt, solange sie zu heiß ist</translation>
    </message>
    <message>
        <source>It goes on once the card has cooled by 5 degrees.</source>
        <translation>Es geht weiter, sobald die Karte um 5 Grad abgekühlt ist.</translation>
    </message>
    <message>
        <source>Temperature in degrees Celsius above which it rests</source>
        <translation>Temperatur in Grad Celsius, über der es ruht</translation>
    </message>
    <message>
        <source> °C</source>
        <translation> °C</translation>
    </message>
    <message>
        <source>Hotter than</source>
        <translation>Heißer als</translation>
    </message>
    <message>
        <source>Rest what uses the graphics card while other programs use much of its memory</source>
        <translation>Ruhen lassen, was die Grafikkarte nutzt, solange andere Programme viel von ihrem Speicher nutzen</translation>
    </message>
    <message>
        <source>Memory of the graphics card that other programs may use</source>
        <translation>Speicher der Grafikkarte, den andere Programme nutzen dürfen</translation>
    </message>
    <message>
        <source> GB</source>
        <translation> GB</translation>
    </message>
    <message>
        <source>More than</source>
        <translation>Mehr als</translation>
    </message>
    <message>
        <source>of {size}</source>
        <translation>von {size}</translation>
    </message>
    <message>
        <source>It is not that hot now.</source>
        <translation>So heiß ist sie gerade nicht.</translation>
    </message>
    <message>
        <source>Other programs use less now.</source>
        <translation>Andere Programme nutzen gerade weniger.</translation>
    </message>
    <message>
        <source>No graphics card was found here that can be used, so this changes nothing.</source>
        <translation>Hier wurde keine Grafikkarte gefunden, die sich nutzen lässt; darum ändert das nichts.</translation>
    </message>
    <message>
        <source>Temperature of the graphics card</source>
        <translation>Temperatur der Grafikkarte</translation>
    </message>
    <message>
        <source>Other programs on the graphics card</source>
        <translation>Andere Programme auf der Grafikkarte</translation>
    </message>
</context>
<context>
    <name>Header</name>
    <message>
        <source>Resume</source>
        <translation>Fortsetzen</translation>
    </message>
</context>
<context>
    <name>Join</name>
    <message>
        <source>Too many wrong invites came from this network&apos;s address.</source>
        <translation>Von der Adresse dieses Netzes kamen zu viele falsche Einladungen.</translation>
    </message>
    <message>
        <source>Try again after {time}. An invite that is right is not used up by waiting.</source>
        <translation>Versuchen Sie es nach {time} wieder. Eine richtige Einladung wird durch Warten nicht verbraucht.</translation>
    </message>
    <message>
        <source>What you typed is kept: try again when that is mended.</source>
        <translation>Was Sie eingegeben haben, bleibt: Versuchen Sie es wieder, wenn das in Ordnung ist.</translation>
    </message>
    <message>
        <source>This computer&apos;s clock is wrong</source>
        <translation>Die Uhr dieses Rechners geht falsch</translation>
    </message>
    <message>
        <source>This computer&apos;s clock may be wrong</source>
        <translation>Die Uhr dieses Rechners geht vielleicht falsch</translation>
    </message>
    <message>
        <source>The connection to the coordinator cannot be trusted</source>
        <translation>Der Verbindung zum Koordinator ist nicht zu trauen</translation>
    </message>
    <message>
        <source>The connection to the coordinator cannot be encrypted</source>
        <translation>Die Verbindung zum Koordinator lässt sich nicht verschlüsseln</translation>
    </message>
    <message>
        <source>The coordinator&apos;s name cannot be found</source>
        <translation>Der Name des Koordinators ist nicht zu finden</translation>
    </message>
    <message>
        <source>The coordinator&apos;s name cannot be looked up</source>
        <translation>Der Name des Koordinators lässt sich nicht nachschlagen</translation>
    </message>
    <message>
        <source>This computer is in no network</source>
        <translation>Dieser Rechner ist in keinem Netz</translation>
    </message>
    <message>
        <source>The internet cannot be reached</source>
        <translation>Das Internet ist nicht erreichbar</translation>
    </message>
    <message>
        <source>No coordinator is at this address</source>
        <translation>An dieser Adresse ist kein Koordinator</translation>
    </message>
    <message>
        <source>This coordinator is not the one that the invite is from</source>
        <translation>Dieser Koordinator ist nicht der, von dem die Einladung ist</translation>
    </message>
    <message>
        <source>Compare the address with the invite&apos;s, and use the link as it was sent. If they agree, ask the person who invited you: somebody in between may answer in the coordinator&apos;s place.</source>
        <translation>Vergleichen Sie die Adresse mit der in der Einladung und nehmen Sie den Link, wie er geschickt wurde. Stimmen sie überein, fragen Sie die Person, die Sie eingeladen hat: Jemand dazwischen antwortet vielleicht anstelle des Koordinators.</translation>
    </message>
    <message>
        <source>Please try again in a moment.</source>
        <translation>Bitte versuchen Sie es gleich noch einmal.</translation>
    </message>
    <message>
        <source>This invite does not work</source>
        <translation>Diese Einladung gilt nicht</translation>
    </message>
    <message>
        <source>Ask the person who sent it for a new one.</source>
        <translation>Bitten Sie die Person, die sie geschickt hat, um eine neue.</translation>
    </message>
    <message>
        <source>The coordinator does not answer</source>
        <translation>Der Koordinator antwortet nicht</translation>
    </message>
    <message>
        <source>Check the address and this computer&apos;s internet connection, then try again.</source>
        <translation>Prüfen Sie die Adresse und die Internetverbindung dieses Rechners und versuchen Sie es dann wieder.</translation>
    </message>
    <message>
        <source>This computer is in a mesh already</source>
        <translation>Dieser Rechner ist schon in einem Mesh</translation>
    </message>
    <message>
        <source>Leave that mesh first if you want to join another one.</source>
        <translation>Verlassen Sie erst jenes Mesh, wenn Sie einem anderen beitreten wollen.</translation>
    </message>
    <message>
        <source>Too many tries</source>
        <translation>Zu viele Versuche</translation>
    </message>
    <message>
        <source>Please wait a quarter of an hour and try again.</source>
        <translation>Bitte warten Sie eine Viertelstunde und versuchen Sie es dann wieder.</translation>
    </message>
    <message>
        <source>The coordinator refuses this computer</source>
        <translation>Der Koordinator weist diesen Rechner ab</translation>
    </message>
    <message>
        <source>Ask the person who invited you.</source>
        <translation>Fragen Sie die Person, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>The coordinator&apos;s address or the invite is not complete</source>
        <translation>Die Adresse des Koordinators oder die Einladung ist nicht vollständig</translation>
    </message>
    <message>
        <source>Please copy the invite again.</source>
        <translation>Bitte kopieren Sie die Einladung noch einmal.</translation>
    </message>
    <message>
        <source>The coordinator took too long to answer</source>
        <translation>Der Koordinator brauchte zu lange für eine Antwort</translation>
    </message>
    <message>
        <source>Nothing can be saved now</source>
        <translation>Gerade lässt sich nichts speichern</translation>
    </message>
    <message>
        <source>If the disk of this computer is full, make room; else ask the person who invited you.</source>
        <translation>Wenn die Platte dieses Rechners voll ist, schaffen Sie Platz; sonst fragen Sie die Person, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>The node is closing</source>
        <translation>Der Knoten schließt sich gerade</translation>
    </message>
    <message>
        <source>The node is not ready yet</source>
        <translation>Der Knoten ist noch nicht bereit</translation>
    </message>
    <message>
        <source>Joining did not work</source>
        <translation>Der Beitritt ist nicht gelungen</translation>
    </message>
</context>
<context>
    <name>JournalBoard</name>
    <message>
        <source>The node here says nothing new; this is what happened before.</source>
        <translation>Der Knoten hier sagt nichts Neues; das ist vorher geschehen.</translation>
    </message>
    <message>
        <source>Reading the log</source>
        <translation>Das Protokoll wird gelesen</translation>
    </message>
    <message>
        <source>The node on this computer is asked what happened. This takes a moment.</source>
        <translation>Der Knoten auf diesem Rechner wird gefragt, was geschehen ist. Das dauert einen Moment.</translation>
    </message>
    <message>
        <source>Nothing has happened yet</source>
        <translation>Noch ist nichts geschehen</translation>
    </message>
    <message>
        <source>What happens to this computer in the mesh is noted here, in plain words.</source>
        <translation>Was mit diesem Rechner im Mesh geschieht, steht hier in einfachen Worten.</translation>
    </message>
    <message>
        <source>Nothing like that</source>
        <translation>Nichts dergleichen</translation>
    </message>
    <message>
        <source>No entry is of this kind and has these words. Try fewer words, or another kind.</source>
        <translation>Kein Eintrag ist von dieser Art und hat diese Wörter. Versuchen Sie weniger Wörter oder eine andere Art.</translation>
    </message>
    <message>
        <source>Kind of entries</source>
        <translation>Art der Einträge</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Search in the log</source>
        <translation>Im Protokoll suchen</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Copy the entries that are selected, or all that are shown</source>
        <translation>Die gewählten Einträge kopieren, oder alle, die zu sehen sind</translation>
    </message>
    <message>
        <source>Export diagnostics…</source>
        <translation>Diagnose speichern…</translation>
    </message>
    <message>
        <source>Make a file that helps others to find out what is wrong, without secrets</source>
        <translation>Eine Datei machen, die anderen hilft, den Fehler zu finden, ohne Geheimnisse</translation>
    </message>
    <message>
        <source>Activity</source>
        <translation>Verlauf</translation>
    </message>
</context>
<context>
    <name>JournalView</name>
    <message>
        <source>What happened, the newest first</source>
        <translation>Was geschehen ist, das Neueste zuerst</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
</context>
<context>
    <name>Labels</name>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
</context>
<context>
    <name>LanguageCard</name>
    <message>
        <source>Language</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>That of the system</source>
        <translation>Die des Systems</translation>
    </message>
    <message>
        <source>Language of RMA Mesh</source>
        <translation>Sprache von RMA Mesh</translation>
    </message>
    <message>
        <source>RMA Mesh speaks</source>
        <translation>RMA Mesh spricht</translation>
    </message>
    <message>
        <source>It could not be saved: {why}.</source>
        <translation>Das ließ sich nicht speichern: {why}.</translation>
    </message>
    <message>
        <source>RMA Mesh speaks it when you start it the next time.</source>
        <translation>RMA Mesh spricht sie, wenn Sie es das nächste Mal starten.</translation>
    </message>
</context>
<context>
    <name>LimitsCard</name>
    <message>
        <source>How much it may use at most</source>
        <translation>Wie viel es höchstens nutzen darf</translation>
    </message>
    <message>
        <source>Limit the processor</source>
        <translation>Den Prozessor begrenzen</translation>
    </message>
    <message>
        <source>Most of the processor, in per cent</source>
        <translation>Höchstens vom Prozessor, in Prozent</translation>
    </message>
    <message>
        <source> GB</source>
        <translation> GB</translation>
    </message>
    <message>
        <source> MB/s</source>
        <translation> MB/s</translation>
    </message>
    <message>
        <source>Limit the memory</source>
        <translation>Den Arbeitsspeicher begrenzen</translation>
    </message>
    <message>
        <source>Most memory</source>
        <translation>Höchstens an Arbeitsspeicher</translation>
    </message>
    <message>
        <source>Limit the memory of each graphics card</source>
        <translation>Den Speicher jeder Grafikkarte begrenzen</translation>
    </message>
    <message>
        <source>Most memory of each graphics card</source>
        <translation>Höchstens an Speicher jeder Grafikkarte</translation>
    </message>
    <message>
        <source>Limit the disk space</source>
        <translation>Den Plattenplatz begrenzen</translation>
    </message>
    <message>
        <source>Most disk space</source>
        <translation>Höchstens an Plattenplatz</translation>
    </message>
    <message>
        <source>Limit what is sent</source>
        <translation>Begrenzen, was gesendet wird</translation>
    </message>
    <message>
        <source>Most that is sent each second</source>
        <translation>Was höchstens in jeder Sekunde gesendet wird</translation>
    </message>
    <message>
        <source>Limit what is received</source>
        <translation>Begrenzen, was empfangen wird</translation>
    </message>
    <message>
        <source>Most that is received each second</source>
        <translation>Was höchstens in jeder Sekunde empfangen wird</translation>
    </message>
    <message>
        <source>of all cores ({count})</source>
        <translation>aller Kerne ({count})</translation>
    </message>
    <message>
        <source>of {size} that are free</source>
        <translation>von {size}, die frei sind</translation>
    </message>
    <message>
        <source>of {size}</source>
        <translation>von {size}</translation>
    </message>
    <message>
        <source>Limit of the processor</source>
        <translation>Grenze des Prozessors</translation>
    </message>
    <message>
        <source>Limit of memory</source>
        <translation>Grenze des Arbeitsspeichers</translation>
    </message>
    <message>
        <source>Limit of the graphics card&apos;s memory</source>
        <translation>Grenze des Speichers der Grafikkarte</translation>
    </message>
    <message>
        <source>Limit of disk space</source>
        <translation>Grenze des Plattenplatzes</translation>
    </message>
    <message>
        <source>Limit of what is sent</source>
        <translation>Grenze für das Senden</translation>
    </message>
    <message>
        <source>Limit of what is received</source>
        <translation>Grenze für das Empfangen</translation>
    </message>
    <message>
        <source>Cannot be kept here.</source>
        <translation>Lässt sich hier nicht einhalten.</translation>
    </message>
    <message>
        <source>Only watched.</source>
        <translation>Wird nur beobachtet.</translation>
    </message>
    <message>
        <source>Kept.</source>
        <translation>Wird eingehalten.</translation>
    </message>
    <message>
        <source>A change reaches services that run when they start next.</source>
        <translation>Laufende Dienste erreicht eine Änderung, wenn sie das nächste Mal starten.</translation>
    </message>
</context>
<context>
    <name>LiveCard</name>
    <message>
        <source>This computer now</source>
        <translation>Dieser Rechner jetzt</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>Prozessor</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Arbeitsspeicher</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Platte</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>As of %1</source>
        <translation>Stand: %1</translation>
    </message>
    <message>
        <source>Graphics card</source>
        <translation>Grafikkarte</translation>
    </message>
    <message>
        <source>GPU %1: %2</source>
        <translation>GPU %1: %2</translation>
    </message>
    <message>
        <source>GPU: %1</source>
        <translation>GPU: %1</translation>
    </message>
    <message>
        <source>Of all cores. The dashed line is what the mesh&apos;s services use.</source>
        <translation>Von allen Kernen. Die gestrichelte Linie ist, was die Dienste des Meshs nutzen.</translation>
    </message>
    <message>
        <source>%1 of %2</source>
        <translation>%1 von %2</translation>
    </message>
    <message>
        <source>The dashed line is what the mesh&apos;s services use.</source>
        <translation>Die gestrichelte Linie ist, was die Dienste des Meshs nutzen.</translation>
    </message>
    <message>
        <source>%1 by the mesh&apos;s services</source>
        <translation>%1 durch die Dienste des Meshs</translation>
    </message>
    <message>
        <source>Reads %1, writes %2</source>
        <translation>Liest %1, schreibt %2</translation>
    </message>
    <message>
        <source>%1 free</source>
        <translation>%1 frei</translation>
    </message>
    <message>
        <source>Free where its data is. The line is what is read, the dashed one what is written.</source>
        <translation>Frei, wo seine Daten liegen. Die Linie ist, was gelesen wird, die gestrichelte, was geschrieben wird.</translation>
    </message>
    <message>
        <source>↑ %1 sent</source>
        <translation>↑ %1 gesendet</translation>
    </message>
    <message>
        <source>%1 received</source>
        <translation>%1 empfangen</translation>
    </message>
    <message>
        <source>By all networks. The line is what is received, the dashed one what is sent.</source>
        <translation>Über alle Netze. Die Linie ist, was empfangen wird, die gestrichelte, was gesendet wird.</translation>
    </message>
    <message>
        <source>Its driver does not tell how busy it is.</source>
        <translation>Ihr Treiber sagt nicht, wie beschäftigt sie ist.</translation>
    </message>
    <message>
        <source>{degrees} °C</source>
        <translation>{degrees} °C</translation>
    </message>
    <message>
        <source>{watts} W</source>
        <translation>{watts} W</translation>
    </message>
    <message>
        <source>How busy it is. The dashed line is how much of its memory is used.</source>
        <translation>Wie beschäftigt sie ist. Die gestrichelte Linie ist, wie viel ihres Speichers genutzt wird.</translation>
    </message>
</context>
<context>
    <name>LoginCard</name>
    <message>
        <source>Start</source>
        <translation>Start</translation>
    </message>
    <message>
        <source>Start RMA Mesh when I log in</source>
        <translation>RMA Mesh starten, wenn ich mich anmelde</translation>
    </message>
    <message>
        <source>It starts in the tray, without a window. Nothing is started before you log in.</source>
        <translation>Es startet im Infobereich, ohne Fenster. Vor der Anmeldung wird nichts gestartet.</translation>
    </message>
    <message>
        <source>The system did not let it be changed: {why}.</source>
        <translation>Das System ließ es nicht ändern: {why}.</translation>
    </message>
    <message>
        <source>This system has no place for it that we know.</source>
        <translation>Dieses System hat dafür keinen Ort, den wir kennen.</translation>
    </message>
    <message>
        <source>The system does not tell how it is: {why}.</source>
        <translation>Das System sagt nicht, wie es ist: {why}.</translation>
    </message>
</context>
<context>
    <name>MachineCard</name>
    <message>
        <source>This computer</source>
        <translation>Dieser Rechner</translation>
    </message>
    <message>
        <source>The node is still looking at this computer.</source>
        <translation>Der Knoten sieht sich diesen Rechner noch an.</translation>
    </message>
    <message>
        <source>Graphics</source>
        <translation>Grafik</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>Prozessor</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>Disks</source>
        <translation>Platten</translation>
    </message>
    <message>
        <source>Addresses</source>
        <translation>Adressen</translation>
    </message>
    <message>
        <source>Power</source>
        <translation>Strom</translation>
    </message>
    <message>
        <source>System</source>
        <translation>System</translation>
    </message>
    <message>
        <source>Suited for</source>
        <translation>Geeignet für</translation>
    </message>
    <message>
        <source>None for AI models</source>
        <translation>Keine für KI-Modelle</translation>
    </message>
    <message>
        <source>Graphics card</source>
        <translation>Grafikkarte</translation>
    </message>
    <message>
        <source>cannot be used</source>
        <translation>nicht nutzbar</translation>
    </message>
    <message>
        <source>{size} free</source>
        <translation>{size} frei</translation>
    </message>
    <message>
        <source>{place}: {free} of {all} free</source>
        <translation>{place}: {free} von {all} frei</translation>
    </message>
    <message>
        <source>{address} (public)</source>
        <translation>{address} (öffentlich)</translation>
    </message>
    <message>
        <source>No network</source>
        <translation>Kein Netz</translation>
    </message>
    <message>
        <source>{percent} charged</source>
        <translation>{percent} geladen</translation>
    </message>
    <message>
        <source>On battery</source>
        <translation>Im Akkubetrieb</translation>
    </message>
    <message>
        <source>Plugged in</source>
        <translation>Am Stromnetz</translation>
    </message>
</context>
<context>
    <name>MainWindow</name>
    <message>
        <source>Try again now</source>
        <translation>Jetzt noch einmal versuchen</translation>
    </message>
    <message>
        <source>Overview</source>
        <translation>Übersicht</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Mesh</source>
        <translation>Mesh</translation>
    </message>
    <message>
        <source>Routing</source>
        <translation>Wege</translation>
    </message>
    <message>
        <source>Activity</source>
        <translation>Verlauf</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>This computer is in a mesh already</source>
        <translation>Dieser Rechner ist schon in einem Mesh</translation>
    </message>
    <message>
        <source>The invite link was not used.</source>
        <translation>Der Link zur Einladung wurde nicht benutzt.</translation>
    </message>
    <message>
        <source>Leave this mesh first if you want to join another one.</source>
        <translation>Verlassen Sie erst dieses Mesh, wenn Sie einem anderen beitreten wollen.</translation>
    </message>
    <message>
        <source>This desktop has no tray to keep RMA Mesh in. If you quit, this computer stops helping until you start it again.</source>
        <translation>Dieser Desktop hat keinen Infobereich, in dem RMA Mesh bleiben könnte. Wenn Sie es beenden, hilft dieser Rechner nicht mehr, bis Sie es wieder starten.</translation>
    </message>
    <message>
        <source>This desktop has no tray to keep RMA Mesh in. The node itself was started by somebody else and goes on working.</source>
        <translation>Dieser Desktop hat keinen Infobereich, in dem RMA Mesh bleiben könnte. Den Knoten selbst hat jemand anders gestartet; er arbeitet weiter.</translation>
    </message>
    <message>
        <source>Quit RMA Mesh?</source>
        <translation>RMA Mesh beenden?</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>Keep open</source>
        <translation>Offen lassen</translation>
    </message>
</context>
<context>
    <name>MemberCard</name>
    <message>
        <source>Show on the map</source>
        <translation>Auf der Karte zeigen</translation>
    </message>
    <message>
        <source>Close the details</source>
        <translation>Einzelheiten schließen</translation>
    </message>
    <message>
        <source>Kind</source>
        <translation>Art</translation>
    </message>
    <message>
        <source>Known to others as</source>
        <translation>Anderen bekannt als</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <source>Place</source>
        <translation>Ort</translation>
    </message>
    <message>
        <source>Looks after</source>
        <translation>Betreut</translation>
    </message>
    <message>
        <source>Their load</source>
        <translation>Deren Last</translation>
    </message>
    <message>
        <source>Round trip</source>
        <translation>Hin und zurück</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>Dieser Rechner</translation>
    </message>
    <message>
        <source>It is the one that this computer talks to.</source>
        <translation>Mit ihm spricht dieser Rechner.</translation>
    </message>
    <message>
        <source>Suited for</source>
        <translation>Geeignet für</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>None just now</source>
        <translation>Gerade keine</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>Last</translation>
    </message>
    <message>
        <source>Working on</source>
        <translation>Arbeitet an</translation>
    </message>
    <message>
        <source>Coordinator</source>
        <translation>Koordinator</translation>
    </message>
    <message>
        <source>Way</source>
        <translation>Weg</translation>
    </message>
    <message>
        <source>Why this way</source>
        <translation>Warum dieser Weg</translation>
    </message>
    <message>
        <source>Better way</source>
        <translation>Besserer Weg</translation>
    </message>
    <message>
        <source>Requests from here</source>
        <translation>Anfragen von hier</translation>
    </message>
    <message>
        <source>Last seen</source>
        <translation>Zuletzt gesehen</translation>
    </message>
    <message>
        <source>Nothing just now</source>
        <translation>Gerade nichts</translation>
    </message>
</context>
<context>
    <name>Mesh</name>
    <message>
        <source>{what}: {count}</source>
        <translation>{what}: {count}</translation>
    </message>
    <message>
        <source>Working</source>
        <translation>Arbeitet</translation>
    </message>
    <message>
        <source>Known here only</source>
        <translation>Nur hier bekannt</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>Not heard from</source>
        <translation>Nichts gehört</translation>
    </message>
    <message>
        <source>Finishing up</source>
        <translation>Bringt zu Ende</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Pausiert</translation>
    </message>
    <message>
        <source>Put out</source>
        <translation>Ausgeschlossen</translation>
    </message>
    <message>
        <source>Does not answer</source>
        <translation>Antwortet nicht</translation>
    </message>
    <message>
        <source>Offline</source>
        <translation>Nicht am Netz</translation>
    </message>
    <message>
        <source>Not known</source>
        <translation>Nicht bekannt</translation>
    </message>
    <message>
        <source>It takes requests.</source>
        <translation>Er nimmt Anfragen an.</translation>
    </message>
    <message>
        <source>This computer has met it; no coordinator says anything of it now.</source>
        <translation>Dieser Rechner ist ihm begegnet; kein Koordinator sagt gerade etwas über ihn.</translation>
    </message>
    <message>
        <source>It is starting.</source>
        <translation>Er startet gerade.</translation>
    </message>
    <message>
        <source>Its coordinator has not heard from it for a while.</source>
        <translation>Sein Koordinator hat eine Weile nichts von ihm gehört.</translation>
    </message>
    <message>
        <source>It finishes what is under way and takes nothing new.</source>
        <translation>Er bringt zu Ende, was läuft, und nimmt nichts Neues an.</translation>
    </message>
    <message>
        <source>It rests.</source>
        <translation>Er ruht.</translation>
    </message>
    <message>
        <source>It is not a member of the mesh any more.</source>
        <translation>Er ist kein Mitglied des Meshs mehr.</translation>
    </message>
    <message>
        <source>This computer cannot reach it now. Work goes on without it.</source>
        <translation>Dieser Rechner erreicht ihn gerade nicht. Die Arbeit geht ohne ihn weiter.</translation>
    </message>
    <message>
        <source>It is not running.</source>
        <translation>Er läuft nicht.</translation>
    </message>
    <message>
        <source>Nobody says how it is just now.</source>
        <translation>Niemand sagt gerade, wie es um ihn steht.</translation>
    </message>
    <message>
        <source>Coordinator</source>
        <translation>Koordinator</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>Dieser Rechner</translation>
    </message>
    <message>
        <source>Computer</source>
        <translation>Rechner</translation>
    </message>
    <message>
        <source>Not needed so far</source>
        <translation>Bisher nicht gebraucht</translation>
    </message>
    <message>
        <source>Private network, relayed</source>
        <translation>Privates Netz, vermittelt</translation>
    </message>
    <message>
        <source>This computer has sent nothing there yet, so it has not looked for a way.</source>
        <translation>Dieser Rechner hat noch nichts dorthin gesendet und darum keinen Weg gesucht.</translation>
    </message>
    <message>
        <source>What is asked for here is answered here where that is possible.</source>
        <translation>Was hier gefragt wird, wird hier beantwortet, wo das möglich ist.</translation>
    </message>
    <message>
        <source>The private network leads there, encrypted and without a stop on the way.</source>
        <translation>Das private Netz führt dorthin, verschlüsselt und ohne Halt unterwegs.</translation>
    </message>
    <message>
        <source>Its address can be reached from here, as on a local network.</source>
        <translation>Seine Adresse ist von hier erreichbar, wie in einem lokalen Netz.</translation>
    </message>
    <message>
        <source>No connection from here to there opens, so a coordinator passes requests on.</source>
        <translation>Von hier lässt sich keine Verbindung dorthin öffnen, darum reicht ein Koordinator die Anfragen weiter.</translation>
    </message>
    <message>
        <source>Only its public address on the internet is left to reach it by.</source>
        <translation>Nur seine öffentliche Adresse im Internet bleibt, um ihn zu erreichen.</translation>
    </message>
    <message>
        <source>The private network leads there by way of a coordinator: no direct way is open.</source>
        <translation>Das private Netz führt über einen Koordinator dorthin: Kein direkter Weg ist offen.</translation>
    </message>
    <message>
        <source>The private network is being tried.</source>
        <translation>Das private Netz wird versucht.</translation>
    </message>
    <message>
        <source>A direct way in the private network is being tried.</source>
        <translation>Ein direkter Weg im privaten Netz wird versucht.</translation>
    </message>
    <message>
        <source>The direct way is tried again soon.</source>
        <translation>Der direkte Weg wird bald wieder versucht.</translation>
    </message>
    <message>
        <source>The relay is tried again soon.</source>
        <translation>Die Vermittlung wird bald wieder versucht.</translation>
    </message>
    <message>
        <source>The tunnel is tried again soon.</source>
        <translation>Der Tunnel wird bald wieder versucht.</translation>
    </message>
    <message>
        <source>None just now</source>
        <translation>Gerade keine</translation>
    </message>
    <message>
        <source>A few in a minute</source>
        <translation>Einige in der Minute</translation>
    </message>
    <message>
        <source>{rate} per second</source>
        <translation>{rate} pro Sekunde</translation>
    </message>
    <message>
        <source>{name}. {kind}. {status}. It has {workers}.</source>
        <translation>{name}. {kind}. {status}. Er hat {workers}.</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
    <message>
        <source>{name}. {kind}. {status}, {load} busy. Way: {way}. Services: {services}. Seen: {seen}.</source>
        <translation>{name}. {kind}. {status}, zu {load} ausgelastet. Weg: {way}. Dienste: {services}. Gesehen: {seen}.</translation>
    </message>
    <message>
        <source>{way}: {count}</source>
        <translation>{way}: {count}</translation>
    </message>
    <message>
        <source>Way not known</source>
        <translation>Weg nicht bekannt</translation>
    </message>
    <message>
        <source>Live, as the coordinator sees it.</source>
        <translation>Live, wie der Koordinator es sieht.</translation>
    </message>
    <message>
        <source>The coordinator says nothing new. This is what it said last ({ago}). {why}</source>
        <translation>Der Koordinator sagt nichts Neues. Das hat er zuletzt gesagt ({ago}). {why}</translation>
    </message>
    <message>
        <source>Asking the coordinator who is there.</source>
        <translation>Der Koordinator wird gefragt, wer da ist.</translation>
    </message>
    <message>
        <source>No coordinator tells who is there, so only those are shown that this computer knows. {why}</source>
        <translation>Kein Koordinator sagt, wer da ist; darum sind nur die zu sehen, die dieser Rechner kennt. {why}</translation>
    </message>
    <message>
        <source>None found</source>
        <translation>Nichts gefunden</translation>
    </message>
</context>
<context>
    <name>MeshBoard</name>
    <message>
        <source>Not in a mesh yet</source>
        <translation>Noch in keinem Mesh</translation>
    </message>
    <message>
        <source>Join one with an invite; it is then shown here.</source>
        <translation>Treten Sie mit einer Einladung einem bei; dann ist es hier zu sehen.</translation>
    </message>
    <message>
        <source>The mesh cannot be shown</source>
        <translation>Das Mesh lässt sich nicht zeigen</translation>
    </message>
    <message>
        <source>Looking at the mesh</source>
        <translation>Das Mesh wird angesehen</translation>
    </message>
    <message>
        <source>The node on this computer is asked who is there. This takes a moment.</source>
        <translation>Der Knoten auf diesem Rechner wird gefragt, wer da ist. Das dauert einen Moment.</translation>
    </message>
    <message>
        <source>The node on this computer says nothing new; this is how it was.</source>
        <translation>Der Knoten auf diesem Rechner sagt nichts Neues; so war es.</translation>
    </message>
    <message>
        <source>This computer is the only one so far. Others appear here as soon as they join the mesh.</source>
        <translation>Dieser Rechner ist bisher der einzige. Andere erscheinen hier, sobald sie dem Mesh beitreten.</translation>
    </message>
    <message>
        <source>All about the chosen computer</source>
        <translation>Alles über den gewählten Rechner</translation>
    </message>
</context>
<context>
    <name>MeshCard</name>
    <message>
        <source>Your mesh</source>
        <translation>Ihr Mesh</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>Name</translation>
    </message>
    <message>
        <source>Known as</source>
        <translation>Bekannt als</translation>
    </message>
    <message>
        <source>Coordinator</source>
        <translation>Koordinator</translation>
    </message>
    <message>
        <source>Trusted with</source>
        <translation>Betraut mit</translation>
    </message>
    <message>
        <source>In contact</source>
        <translation>In Kontakt</translation>
    </message>
    <message>
        <source>Private net</source>
        <translation>Privates Netz</translation>
    </message>
    <message>
        <source>Leave this mesh…</source>
        <translation>Dieses Mesh verlassen…</translation>
    </message>
    <message>
        <source>Asks first, then takes this computer out of the mesh</source>
        <translation>Fragt erst nach, dann verlässt dieser Rechner das Mesh</translation>
    </message>
    <message>
        <source>Public and personal documents</source>
        <translation>Öffentliche und persönliche Dokumente</translation>
    </message>
    <message>
        <source>Public documents only</source>
        <translation>Nur öffentliche Dokumente</translation>
    </message>
    <message>
        <source>Leave this mesh?</source>
        <translation>Dieses Mesh verlassen?</translation>
    </message>
    <message>
        <source>Requests under way are finished, then this computer stops helping. To come back you need a new invite from the mesh&apos;s operator.</source>
        <translation>Laufende Anfragen werden beendet, dann hilft dieser Rechner nicht mehr. Zum Wiederkommen brauchen Sie eine neue Einladung vom Betreiber des Meshs.</translation>
    </message>
    <message>
        <source>Leave</source>
        <translation>Austreten</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>Bleiben</translation>
    </message>
    <message>
        <source>{host} – does not answer</source>
        <translation>{host} – antwortet nicht</translation>
    </message>
    <message>
        <source>No other computers yet</source>
        <translation>Noch keine anderen Rechner</translation>
    </message>
</context>
<context>
    <name>MeshMap</name>
    <message>
        <source>Map of the mesh</source>
        <translation>Karte des Meshs</translation>
    </message>
    <message>
        <source>The arrow keys go from one computer to the next, plus and minus zoom, 0 shows all, Home goes to this computer. The table has the same computers.</source>
        <translation>Die Pfeiltasten gehen von einem Rechner zum nächsten, Plus und Minus vergrößern und verkleinern, 0 zeigt alles, Pos1 geht zu diesem Rechner. Die Tabelle hat dieselben Rechner.</translation>
    </message>
</context>
<context>
    <name>MeshTable</name>
    <message>
        <source>Computer</source>
        <translation>Rechner</translation>
    </message>
    <message>
        <source>State</source>
        <translation>Zustand</translation>
    </message>
    <message>
        <source>Way</source>
        <translation>Weg</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>Last</translation>
    </message>
    <message>
        <source>Round trip</source>
        <translation>Hin und zurück</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>Anfragen</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Last seen</source>
        <translation>Zuletzt gesehen</translation>
    </message>
    <message>
        <source>{name} (this computer)</source>
        <translation>{name} (dieser Rechner)</translation>
    </message>
    <message>
        <source>{name} (coordinator)</source>
        <translation>{name} (Koordinator)</translation>
    </message>
</context>
<context>
    <name>MeshTableView</name>
    <message>
        <source>Computers of the mesh</source>
        <translation>Rechner des Meshs</translation>
    </message>
</context>
<context>
    <name>Navigation</name>
    <message>
        <source>Panels</source>
        <translation>Seiten</translation>
    </message>
</context>
<context>
    <name>NodeLife</name>
    <message>
        <source>It could not be started: {why}.</source>
        <translation>Er ließ sich nicht starten: {why}.</translation>
    </message>
    <message>
        <source>It answered with HTTP status {status}.</source>
        <translation>Er hat mit dem HTTP-Status {status} geantwortet.</translation>
    </message>
    <message>
        <source>No node is running in this data directory.</source>
        <translation>In diesem Datenordner läuft kein Knoten.</translation>
    </message>
    <message>
        <source>The node that ran here has ended.</source>
        <translation>Der Knoten, der hier lief, ist beendet.</translation>
    </message>
    <message>
        <source>The node was ended by the system or by somebody else.</source>
        <translation>Der Knoten wurde vom System oder von jemand anderem beendet.</translation>
    </message>
    <message>
        <source>The node ended unexpectedly (exit code {code}).</source>
        <translation>Der Knoten hat unerwartet geendet (Exit-Code {code}).</translation>
    </message>
</context>
<context>
    <name>Notice</name>
    <message>
        <source>The node had stopped and was started again at {time}</source>
        <translation>Der Knoten war stehen geblieben und wurde um {time} neu gestartet</translation>
    </message>
    <message>
        <source>It works again; there is nothing to do.</source>
        <translation>Er arbeitet wieder; es ist nichts zu tun.</translation>
    </message>
</context>
<context>
    <name>Notification</name>
    <message>
        <source>RMA Mesh cannot start</source>
        <translation>RMA Mesh kann nicht starten</translation>
    </message>
    <message>
        <source>The part that does the work ended several times. Open it to see why.</source>
        <translation>Der Teil, der die Arbeit tut, ist mehrmals ausgefallen. Öffnen Sie es, um zu sehen, warum.</translation>
    </message>
    <message>
        <source>RMA Mesh must be started again</source>
        <translation>RMA Mesh muss neu gestartet werden</translation>
    </message>
    <message>
        <source>Two versions of it run at once. Quit it and start it again.</source>
        <translation>Zwei Versionen davon laufen zugleich. Beenden Sie es und starten Sie es wieder.</translation>
    </message>
    <message>
        <source>The mesh refuses this computer</source>
        <translation>Das Mesh weist diesen Rechner ab</translation>
    </message>
    <message>
        <source>It cannot help any more. Ask the person who invited you.</source>
        <translation>Er kann nicht mehr helfen. Fragen Sie die Person, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>Your rules cannot be read</source>
        <translation>Ihre Regeln sind nicht lesbar</translation>
    </message>
    <message>
        <source>This computer rests until you look through them and save them anew.</source>
        <translation>Dieser Rechner ruht, bis Sie sie durchsehen und neu speichern.</translation>
    </message>
    <message>
        <source>This computer was put out of the private network</source>
        <translation>Dieser Rechner wurde vom privaten Netz ausgeschlossen</translation>
    </message>
    <message>
        <source>Ask the person who invited you.</source>
        <translation>Fragen Sie die Person, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>The private network needs your permission</source>
        <translation>Das private Netz braucht Ihre Erlaubnis</translation>
    </message>
    <message>
        <source>Others reach this computer by slower ways. Open to see how to allow it.</source>
        <translation>Andere erreichen diesen Rechner auf langsameren Wegen. Öffnen Sie es, um zu sehen, wie man es erlaubt.</translation>
    </message>
    <message>
        <source>Another program is in the way</source>
        <translation>Ein anderes Programm ist im Weg</translation>
    </message>
    <message>
        <source>It has the port that the private network needs. Open to see which.</source>
        <translation>Es hat den Port, den das private Netz braucht. Öffnen Sie es, um zu sehen, welches.</translation>
    </message>
    <message>
        <source>Two private networks are in each other&apos;s way</source>
        <translation>Zwei private Netze sind einander im Weg</translation>
    </message>
    <message>
        <source>Others reach this computer by slower ways. Open to see what to do.</source>
        <translation>Andere erreichen diesen Rechner auf langsameren Wegen. Öffnen Sie es, um zu sehen, was zu tun ist.</translation>
    </message>
    <message>
        <source>The private network has expired</source>
        <translation>Das private Netz ist abgelaufen</translation>
    </message>
    <message>
        <source>It could not be renewed. Please check this computer&apos;s clock.</source>
        <translation>Es konnte nicht erneuert werden. Bitte prüfen Sie die Uhr dieses Rechners.</translation>
    </message>
    <message>
        <source>The keys of the private network get old</source>
        <translation>Die Schlüssel des privaten Netzes werden alt</translation>
    </message>
    <message>
        <source>They could not be renewed for a day. Open to see why.</source>
        <translation>Seit einem Tag konnten sie nicht erneuert werden. Öffnen Sie es, um zu sehen, warum.</translation>
    </message>
    <message>
        <source>A service fails again and again</source>
        <translation>Ein Dienst fällt immer wieder aus</translation>
    </message>
    <message>
        <source>It is tried again by itself. Open to see which, and why.</source>
        <translation>Er wird von selbst wieder versucht. Öffnen Sie es, um zu sehen, welcher und warum.</translation>
    </message>
</context>
<context>
    <name>OverviewPanel</name>
    <message>
        <source>What to know</source>
        <translation>Was zu wissen ist</translation>
    </message>
    <message>
        <source>Good to know</source>
        <translation>Gut zu wissen</translation>
    </message>
</context>
<context>
    <name>PatienceCard</name>
    <message>
        <source>How fast it rests and goes on</source>
        <translation>Wie schnell es ruht und weitergeht</translation>
    </message>
    <message>
        <source> s</source>
        <translation> s</translation>
    </message>
    <message>
        <source>Rest when there has been a reason for it for</source>
        <translation>Ruhen, wenn es einen Grund dafür gibt seit</translation>
    </message>
    <message>
        <source>The schedule and the programs of your list need no time at all.</source>
        <translation>Der Zeitplan und die Programme Ihrer Liste brauchen gar keine Zeit.</translation>
    </message>
    <message>
        <source>Seconds that a reason must last before it rests</source>
        <translation>Sekunden, die ein Grund dauern muss, bevor es ruht</translation>
    </message>
    <message>
        <source>Go on when the reason has been gone for</source>
        <translation>Weitermachen, wenn der Grund weg ist seit</translation>
    </message>
    <message>
        <source>Seconds that a reason must be gone before it goes on</source>
        <translation>Sekunden, die ein Grund weg sein muss, bevor es weitergeht</translation>
    </message>
    <message>
        <source>Seconds before it rests</source>
        <translation>Sekunden, bevor es ruht</translation>
    </message>
    <message>
        <source>Seconds before it goes on</source>
        <translation>Sekunden, bevor es weitergeht</translation>
    </message>
</context>
<context>
    <name>PauseButton</name>
    <message>
        <source>Pause</source>
        <translation>Pause</translation>
    </message>
    <message>
        <source>Pause this computer; the arrow offers a pause that ends by itself</source>
        <translation>Diesen Rechner pausieren; der Pfeil bietet eine Pause an, die von selbst endet</translation>
    </message>
</context>
<context>
    <name>PeersCard</name>
    <message>
        <source>Other computers</source>
        <translation>Andere Rechner</translation>
    </message>
    <message>
        <source>Other computers that this node knows</source>
        <translation>Andere Rechner, die dieser Knoten kennt</translation>
    </message>
    <message>
        <source>No other computers yet</source>
        <translation>Noch keine anderen Rechner</translation>
    </message>
    <message>
        <source>They appear here when this node finds them in the mesh. The search goes on by itself.</source>
        <translation>Sie erscheinen hier, wenn dieser Knoten sie im Mesh findet. Die Suche geht von selbst weiter.</translation>
    </message>
</context>
<context>
    <name>PeersModel</name>
    <message>
        <source>Computer</source>
        <translation>Rechner</translation>
    </message>
    <message>
        <source>Way</source>
        <translation>Weg</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>Last</translation>
    </message>
    <message>
        <source>Round trip</source>
        <translation>Hin und zurück</translation>
    </message>
    <message>
        <source>Last seen</source>
        <translation>Zuletzt gesehen</translation>
    </message>
</context>
<context>
    <name>PowerCard</name>
    <message>
        <source>Power and network</source>
        <translation>Strom und Netz</translation>
    </message>
    <message>
        <source>Rest while this computer runs on its battery</source>
        <translation>Ruhen, solange dieser Rechner im Akkubetrieb läuft</translation>
    </message>
    <message>
        <source>Rest on battery only when it holds less than a charge of your choice</source>
        <translation>Im Akkubetrieb nur ruhen, wenn der Akku weniger hat als eine Ladung Ihrer Wahl</translation>
    </message>
    <message>
        <source>Charge of the battery below which it rests</source>
        <translation>Ladung des Akkus, unter der es ruht</translation>
    </message>
    <message>
        <source>Less than</source>
        <translation>Weniger als</translation>
    </message>
    <message>
        <source>Rest while the network counts what is sent, or costs</source>
        <translation>Ruhen, solange das Netz zählt, was gesendet wird, oder etwas kostet</translation>
    </message>
    <message>
        <source>Such as a phone&apos;s hotspot, or a network that you marked as metered.</source>
        <translation>Etwa der Hotspot eines Telefons oder ein Netz, das Sie als getaktet markiert haben.</translation>
    </message>
    <message>
        <source>Rest on battery</source>
        <translation>Im Akkubetrieb ruhen</translation>
    </message>
    <message>
        <source>Rest on metered networks</source>
        <translation>In getakteten Netzen ruhen</translation>
    </message>
    <message>
        <source>The network in use does not count or cost, so this computer works.</source>
        <translation>Das benutzte Netz zählt und kostet nichts, darum arbeitet dieser Rechner.</translation>
    </message>
    <message>
        <source>This computer has no battery.</source>
        <translation>Dieser Rechner hat keinen Akku.</translation>
    </message>
    <message>
        <source>It is plugged in, or its battery holds enough, so this computer works.</source>
        <translation>Er ist am Stromnetz oder sein Akku hat genug, darum arbeitet dieser Rechner.</translation>
    </message>
    <message>
        <source>It does not run on its battery, so this computer works.</source>
        <translation>Er läuft nicht im Akkubetrieb, darum arbeitet dieser Rechner.</translation>
    </message>
    <message>
        <source>Charge of the battery</source>
        <translation>Ladung des Akkus</translation>
    </message>
</context>
<context>
    <name>PresenceCard</name>
    <message>
        <source>When you use it yourself</source>
        <translation>Wenn Sie ihn selbst nutzen</translation>
    </message>
    <message>
        <source>Rest while somebody uses this computer</source>
        <translation>Ruhen, solange jemand diesen Rechner nutzt</translation>
    </message>
    <message>
        <source>Minutes without keyboard or mouse after which nobody uses it</source>
        <translation>Minuten ohne Tastatur oder Maus, nach denen ihn niemand nutzt</translation>
    </message>
    <message>
        <source> min</source>
        <translation> min</translation>
    </message>
    <message>
        <source>What rests while somebody uses this computer</source>
        <translation>Was ruht, solange jemand diesen Rechner nutzt</translation>
    </message>
    <message>
        <source>What uses the graphics card</source>
        <translation>Was die Grafikkarte nutzt</translation>
    </message>
    <message>
        <source>Everything</source>
        <translation>Alles</translation>
    </message>
    <message>
        <source>What rests</source>
        <translation>Was ruht</translation>
    </message>
    <message>
        <source>Until nobody has touched it for</source>
        <translation>Bis ihn niemand mehr berührt hat seit</translation>
    </message>
    <message>
        <source>Rest while one of these programs runs</source>
        <translation>Ruhen, solange eines dieser Programme läuft</translation>
    </message>
    <message>
        <source>Games, films, video calls: everything rests from the moment that one of them starts.</source>
        <translation>Spiele, Filme, Videogespräche: Alles ruht, sobald eines davon startet.</translation>
    </message>
    <message>
        <source>What rests while you are here</source>
        <translation>Was ruht, während Sie da sind</translation>
    </message>
    <message>
        <source>List of programs</source>
        <translation>Liste von Programmen</translation>
    </message>
    <message>
        <source>Nobody uses it now.</source>
        <translation>Niemand nutzt ihn gerade.</translation>
    </message>
    <message>
        <source>None of them runs now.</source>
        <translation>Keines davon läuft gerade.</translation>
    </message>
    <message>
        <source>Rest while somebody is here</source>
        <translation>Ruhen, solange jemand da ist</translation>
    </message>
    <message>
        <source>Minutes without keyboard or mouse</source>
        <translation>Minuten ohne Tastatur oder Maus</translation>
    </message>
</context>
<context>
    <name>ProgramList</name>
    <message>
        <source>Programs during which everything rests</source>
        <translation>Programme, während denen alles ruht</translation>
    </message>
    <message>
        <source>There are none yet.</source>
        <translation>Noch sind keine da.</translation>
    </message>
    <message>
        <source>Name of a program, such as blender</source>
        <translation>Name eines Programms, etwa blender</translation>
    </message>
    <message>
        <source>Name of a program to add</source>
        <translation>Name eines Programms zum Hinzufügen</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>Hinzufügen</translation>
    </message>
    <message>
        <source>Add the program of this name</source>
        <translation>Das Programm mit diesem Namen hinzufügen</translation>
    </message>
    <message>
        <source>Add one that runs…</source>
        <translation>Ein laufendes hinzufügen…</translation>
    </message>
    <message>
        <source>Take off the list</source>
        <translation>Aus der Liste nehmen</translation>
    </message>
</context>
<context>
    <name>QuittingDialog</name>
    <message>
        <source>Closing</source>
        <translation>Wird geschlossen</translation>
    </message>
    <message>
        <source>Quit now</source>
        <translation>Jetzt beenden</translation>
    </message>
    <message>
        <source>Breaks off the requests that are still under way</source>
        <translation>Bricht die Anfragen ab, die noch laufen</translation>
    </message>
    <message>
        <source>Closing RMA Mesh</source>
        <translation>RMA Mesh wird geschlossen</translation>
    </message>
    <message>
        <source>This takes half a minute at most.</source>
        <translation>Das dauert höchstens eine halbe Minute.</translation>
    </message>
</context>
<context>
    <name>Requests</name>
    <message>
        <source>This computer</source>
        <translation>Dieser Rechner</translation>
    </message>
    <message>
        <source>Cut off ({status})</source>
        <translation>Abgeschnitten ({status})</translation>
    </message>
    <message>
        <source>Called off</source>
        <translation>Zurückgezogen</translation>
    </message>
    <message>
        <source>Answered ({status})</source>
        <translation>Beantwortet ({status})</translation>
    </message>
    <message>
        <source>Refused ({status})</source>
        <translation>Abgelehnt ({status})</translation>
    </message>
    <message>
        <source>Failed ({status})</source>
        <translation>Gescheitert ({status})</translation>
    </message>
    <message>
        <source>The service runs on this computer and had room, so nobody else was asked.</source>
        <translation>Der Dienst läuft auf diesem Rechner und hatte Platz, darum wurde niemand sonst gefragt.</translation>
    </message>
    <message>
        <source>Another computer of the mesh sent it here, so it was served here.</source>
        <translation>Ein anderer Rechner des Meshs hat sie hierher geschickt, darum wurde sie hier bearbeitet.</translation>
    </message>
    <message>
        <source>No computer offered this service then.</source>
        <translation>Kein Rechner bot diesen Dienst damals an.</translation>
    </message>
    <message>
        <source>Every computer that was asked failed.</source>
        <translation>Jeder Rechner, der gefragt wurde, ist gescheitert.</translation>
    </message>
    <message>
        <source>{name} took over, because who was asked before it failed.</source>
        <translation>{name} ist eingesprungen, weil gescheitert ist, wer vorher gefragt wurde.</translation>
    </message>
    <message>
        <source>{name} was asked beside a slower one, and answered first.</source>
        <translation>{name} wurde neben einem langsameren gefragt und hat zuerst geantwortet.</translation>
    </message>
    <message>
        <source>{name} was the only one that could be asked.</source>
        <translation>{name} war der einzige, der gefragt werden konnte.</translation>
    </message>
    <message>
        <source>A better way ({way}) did not answer.</source>
        <translation>Ein besserer Weg ({way}) hat nicht geantwortet.</translation>
    </message>
    <message>
        <source>The answer was cut off: {reason}.</source>
        <translation>Die Antwort brach ab: {reason}.</translation>
    </message>
    <message>
        <source>{name} ({way}), asked after {after}, failed after {took}: {reason}.</source>
        <translation>{name} ({way}), gefragt nach {after}, gescheitert nach {took}: {reason}.</translation>
    </message>
    <message>
        <source>{name} ({way}), asked after {after}, began to answer after {took}.</source>
        <translation>{name} ({way}), gefragt nach {after}, begann nach {took} zu antworten.</translation>
    </message>
    <message>
        <source>{service} at {time}: {result} after {took}.</source>
        <translation>{service} um {time}: {result} nach {took}.</translation>
    </message>
</context>
<context>
    <name>RequestsCard</name>
    <message>
        <source>Last requests</source>
        <translation>Letzte Anfragen</translation>
    </message>
    <message>
        <source>No requests yet</source>
        <translation>Noch keine Anfragen</translation>
    </message>
    <message>
        <source>Each request is listed here with who served it and why. What was asked is never kept.</source>
        <translation>Jede Anfrage steht hier mit dem, der sie bearbeitet hat, und warum. Was gefragt wurde, wird nie aufgehoben.</translation>
    </message>
    <message>
        <source>The last {count}, the newest first; of very many some are left out. Choose one to see every try. What was asked is not kept.</source>
        <translation>Die letzten {count}, die neueste zuerst; von sehr vielen fehlen einige. Wählen Sie eine, um jeden Versuch zu sehen. Was gefragt wurde, wird nicht aufgehoben.</translation>
    </message>
</context>
<context>
    <name>RequestsModel</name>
    <message>
        <source>Time</source>
        <translation>Zeit</translation>
    </message>
    <message>
        <source>Service</source>
        <translation>Dienst</translation>
    </message>
    <message>
        <source>Computer</source>
        <translation>Rechner</translation>
    </message>
    <message>
        <source>Way</source>
        <translation>Weg</translation>
    </message>
    <message>
        <source>Tries</source>
        <translation>Versuche</translation>
    </message>
    <message>
        <source>Took</source>
        <translation>Dauer</translation>
    </message>
    <message>
        <source>Result</source>
        <translation>Ergebnis</translation>
    </message>
</context>
<context>
    <name>RequestsTable</name>
    <message>
        <source>Last requests, the newest first</source>
        <translation>Letzte Anfragen, die neueste zuerst</translation>
    </message>
</context>
<context>
    <name>RoutesCard</name>
    <message>
        <source>Which way they went</source>
        <translation>Welche Wege sie nahmen</translation>
    </message>
    <message>
        <source>No requests yet. They appear here as soon as the mesh sends some.</source>
        <translation>Noch keine Anfragen. Sie erscheinen hier, sobald das Mesh welche schickt.</translation>
    </message>
</context>
<context>
    <name>RoutingPanel</name>
    <message>
        <source>The node on this computer says nothing new; this is how it was.</source>
        <translation>Der Knoten auf diesem Rechner sagt nichts Neues; so war es.</translation>
    </message>
</context>
<context>
    <name>RulesModel</name>
    <message>
        <source>The rule was not changed</source>
        <translation>Die Regel wurde nicht geändert</translation>
    </message>
    <message>
        <source>The value from before holds.</source>
        <translation>Der Wert von vorher gilt.</translation>
    </message>
</context>
<context>
    <name>RunningDialog</name>
    <message>
        <source>Programs that run now</source>
        <translation>Programme, die gerade laufen</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>Search the programs that run</source>
        <translation>Laufende Programme durchsuchen</translation>
    </message>
    <message>
        <source>Looking which programs run…</source>
        <translation>Gesucht wird, welche Programme laufen…</translation>
    </message>
    <message>
        <source>Add</source>
        <translation>Hinzufügen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>No program of that name runs.</source>
        <translation>Kein Programm mit diesem Namen läuft.</translation>
    </message>
    <message>
        <source>No program is seen running.</source>
        <translation>Kein laufendes Programm ist zu sehen.</translation>
    </message>
    <message>
        <source>Everything rests while the program that you choose runs. Many belong to the system itself.</source>
        <translation>Alles ruht, solange das gewählte Programm läuft. Viele gehören zum System selbst.</translation>
    </message>
    <message>
        <source>Which program?</source>
        <translation>Welches Programm?</translation>
    </message>
</context>
<context>
    <name>ScheduleEditor</name>
    <message>
        <source>Fill in…</source>
        <translation>Ausfüllen…</translation>
    </message>
    <message>
        <source>Fill in common hours</source>
        <translation>Übliche Stunden eintragen</translation>
    </message>
    <message>
        <source>Copy this day&apos;s hours</source>
        <translation>Die Stunden dieses Tages kopieren</translation>
    </message>
    <message>
        <source>Write times</source>
        <translation>Zeiten schreiben</translation>
    </message>
    <message>
        <source>Shows the hours as lines of times, one for each day</source>
        <translation>Zeigt die Stunden als Zeilen mit Zeiten, eine für jeden Tag</translation>
    </message>
    <message>
        <source>Copy {day}…</source>
        <translation>{day} kopieren…</translation>
    </message>
    <message>
        <source>All day, every day</source>
        <translation>Den ganzen Tag, jeden Tag</translation>
    </message>
    <message>
        <source>Evenings and nights, and all weekend</source>
        <translation>Abends und nachts, und das ganze Wochenende</translation>
    </message>
    <message>
        <source>Nights, from 22:00 to 8:00</source>
        <translation>Nachts, von 22:00 bis 8:00</translation>
    </message>
    <message>
        <source>Outside office hours, from 17:00 to 9:00, and all weekend</source>
        <translation>Außerhalb der Bürozeiten, von 17:00 bis 9:00, und das ganze Wochenende</translation>
    </message>
    <message>
        <source>All weekend only</source>
        <translation>Nur das ganze Wochenende</translation>
    </message>
    <message>
        <source>No hours at all</source>
        <translation>Gar keine Stunden</translation>
    </message>
    <message>
        <source>To all days</source>
        <translation>Auf alle Tage</translation>
    </message>
    <message>
        <source>To Monday to Friday</source>
        <translation>Auf Montag bis Freitag</translation>
    </message>
    <message>
        <source>To Saturday and Sunday</source>
        <translation>Auf Samstag und Sonntag</translation>
    </message>
</context>
<context>
    <name>ServiceCard</name>
    <message>
        <source>Allow %1 on this computer</source>
        <translation>%1 auf diesem Rechner erlauben</translation>
    </message>
    <message>
        <source>Restart %1</source>
        <translation>%1 neu starten</translation>
    </message>
    <message>
        <source>Log of %1</source>
        <translation>Protokoll von %1</translation>
    </message>
    <message>
        <source>The node was started for other services only, so this switch changes nothing.</source>
        <translation>Der Knoten wurde nur für andere Dienste gestartet, darum ändert dieser Schalter nichts.</translation>
    </message>
    <message>
        <source>The coordinator may give this service to this computer. Switch it off, and requests under way are finished, then it stops and others do its work.</source>
        <translation>Der Koordinator darf diesem Rechner diesen Dienst geben. Schalten Sie ihn aus, werden laufende Anfragen beendet, dann hält er an, und andere tun seine Arbeit.</translation>
    </message>
    <message>
        <source>This service does not run on this computer. Switch it on, and the coordinator may give it.</source>
        <translation>Dieser Dienst läuft nicht auf diesem Rechner. Schalten Sie ihn ein, darf der Koordinator ihn vergeben.</translation>
    </message>
</context>
<context>
    <name>ServiceFigures</name>
    <message>
        <source>requests today</source>
        <translation>Anfragen heute</translation>
    </message>
    <message>
        <source>Requests answered since midnight</source>
        <translation>Beantwortete Anfragen seit Mitternacht</translation>
    </message>
    <message>
        <source>usual answer</source>
        <translation>übliche Antwort</translation>
    </message>
    <message>
        <source>Half of the last requests took no longer</source>
        <translation>Die Hälfte der letzten Anfragen dauerte nicht länger</translation>
    </message>
    <message>
        <source>slow answer</source>
        <translation>langsame Antwort</translation>
    </message>
    <message>
        <source>Of 100 of the last requests, 95 took no longer</source>
        <translation>Von 100 der letzten Anfragen dauerten 95 nicht länger</translation>
    </message>
    <message>
        <source>memory</source>
        <translation>Speicher</translation>
    </message>
    <message>
        <source>What its processes have in memory</source>
        <translation>Was seine Prozesse im Arbeitsspeicher haben</translation>
    </message>
    <message>
        <source>processor</source>
        <translation>Prozessor</translation>
    </message>
    <message>
        <source>How much of one core its processes keep busy</source>
        <translation>Wie viel eines Kerns seine Prozesse beschäftigen</translation>
    </message>
    <message>
        <source>Log…</source>
        <translation>Protokoll…</translation>
    </message>
    <message>
        <source>Restart</source>
        <translation>Neu starten</translation>
    </message>
</context>
<context>
    <name>ServiceLog</name>
    <message>
        <source>The node on this computer does not answer just now.</source>
        <translation>Der Knoten auf diesem Rechner antwortet gerade nicht.</translation>
    </message>
    <message>
        <source>The node&apos;s answer cannot be read.</source>
        <translation>Die Antwort des Knotens ist nicht lesbar.</translation>
    </message>
</context>
<context>
    <name>ServiceLogDialog</name>
    <message>
        <source>Log of %1</source>
        <translation>Protokoll von %1</translation>
    </message>
    <message>
        <source>Search in the log</source>
        <translation>Im Protokoll suchen</translation>
    </message>
    <message>
        <source>The log is being read.</source>
        <translation>Das Protokoll wird gelesen.</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>Kopieren</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Nothing has been written yet.</source>
        <translation>Noch wurde nichts geschrieben.</translation>
    </message>
    <message>
        <source>Lines that have it: %1 of %2</source>
        <translation>Zeilen, die es haben: %1 von %2</translation>
    </message>
    <message>
        <source>The last lines: %2</source>
        <translation>Die letzten Zeilen: %2</translation>
    </message>
    <message>
        <source>Lines: %2</source>
        <translation>Zeilen: %2</translation>
    </message>
</context>
<context>
    <name>Services</name>
    <message>
        <source>It is started again by itself. If that goes on, its log may say why; show it to the mesh&apos;s operator.</source>
        <translation>Er wird von selbst neu gestartet. Wenn das so weitergeht, sagt vielleicht sein Protokoll, warum; zeigen Sie es dem Betreiber des Meshs.</translation>
    </message>
    <message>
        <source>You have switched it off. Others do this work; switch it on to help with it.</source>
        <translation>Sie haben ihn ausgeschaltet. Andere tun diese Arbeit; schalten Sie ihn ein, um dabei zu helfen.</translation>
    </message>
    <message>
        <source>Switched off</source>
        <translation>Ausgeschaltet</translation>
    </message>
    <message>
        <source>The node was started for other services only (with --allow).</source>
        <translation>Der Knoten wurde nur für andere Dienste gestartet (mit --allow).</translation>
    </message>
    <message>
        <source>Not allowed</source>
        <translation>Nicht erlaubt</translation>
    </message>
    <message>
        <source>Not for this computer</source>
        <translation>Nicht für diesen Rechner</translation>
    </message>
    <message>
        <source>The coordinator has enough others for it now. It comes here by itself when it is needed.</source>
        <translation>Der Koordinator hat gerade genug andere dafür. Er kommt von selbst hierher, wenn er gebraucht wird.</translation>
    </message>
    <message>
        <source>Not assigned</source>
        <translation>Nicht zugeteilt</translation>
    </message>
    <message>
        <source>Resting</source>
        <translation>Ruht</translation>
    </message>
    <message>
        <source>This computer rests. It starts again when you resume.</source>
        <translation>Dieser Rechner ruht. Der Dienst startet wieder, wenn Sie fortsetzen.</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>It is about to start.</source>
        <translation>Er startet gleich.</translation>
    </message>
    <message>
        <source>It handles personal data, so it is for computers that the operator has vetted. Ask the person who invited you if this should be one.</source>
        <translation>Er verarbeitet persönliche Daten und ist darum für Rechner, die der Betreiber geprüft hat. Fragen Sie die Person, die Sie eingeladen hat, ob dieser dazugehören soll.</translation>
    </message>
    <message>
        <source>It needs a graphics card for AI models, and this computer has none.</source>
        <translation>Er braucht eine Grafikkarte für KI-Modelle, und dieser Rechner hat keine.</translation>
    </message>
    <message>
        <source>It needs %1 of memory on a graphics card.</source>
        <translation>Er braucht %1 Speicher auf einer Grafikkarte.</translation>
    </message>
    <message>
        <source>It needs %1 of memory.</source>
        <translation>Er braucht %1 Arbeitsspeicher.</translation>
    </message>
    <message>
        <source>It needs %1 of free disk.</source>
        <translation>Er braucht %1 freien Plattenplatz.</translation>
    </message>
    <message>
        <source>It needs a processor with more cores.</source>
        <translation>Er braucht einen Prozessor mit mehr Kernen.</translation>
    </message>
    <message>
        <source>It goes to computers with a lot of free disk, which keep data.</source>
        <translation>Er geht an Rechner mit viel freiem Plattenplatz, die Daten aufbewahren.</translation>
    </message>
    <message>
        <source>It goes to computers that can be reached from the internet.</source>
        <translation>Er geht an Rechner, die vom Internet aus erreichbar sind.</translation>
    </message>
    <message>
        <source>Not known yet</source>
        <translation>Noch nicht bekannt</translation>
    </message>
    <message>
        <source>The node on this computer has not answered yet. This usually takes a few seconds.</source>
        <translation>Der Knoten auf diesem Rechner hat noch nicht geantwortet. Das dauert sonst einige Sekunden.</translation>
    </message>
    <message>
        <source>No services yet</source>
        <translation>Noch keine Dienste</translation>
    </message>
    <message>
        <source>Join a mesh first: open the overview and paste your invite.</source>
        <translation>Treten Sie erst einem Mesh bei: Öffnen Sie die Übersicht und fügen Sie Ihre Einladung ein.</translation>
    </message>
    <message>
        <source>Nothing runs while this computer rests</source>
        <translation>Nichts läuft, solange dieser Rechner ruht</translation>
    </message>
    <message>
        <source>Nothing runs while paused</source>
        <translation>In der Pause läuft nichts</translation>
    </message>
    <message>
        <source>Press Resume at the top when this computer may help again.</source>
        <translation>Drücken Sie oben auf „Fortsetzen“, wenn dieser Rechner wieder helfen darf.</translation>
    </message>
    <message>
        <source>Nothing to do at the moment</source>
        <translation>Im Moment nichts zu tun</translation>
    </message>
    <message>
        <source>The coordinator has not given this computer a service yet. It will by itself when there is need; there is nothing that you have to do.</source>
        <translation>Der Koordinator hat diesem Rechner noch keinen Dienst gegeben. Er tut es von selbst, wenn Bedarf ist; Sie müssen nichts tun.</translation>
    </message>
</context>
<context>
    <name>ServicesPanel</name>
    <message>
        <source>What the mesh&apos;s coordinator may give this computer to do. Switch off what you do not want to help with; you can pause all of it at any time.</source>
        <translation>Was der Koordinator des Meshs diesem Rechner zu tun geben darf. Schalten Sie aus, wobei Sie nicht helfen wollen; alles zusammen können Sie jederzeit pausieren.</translation>
    </message>
    <message>
        <source>Not running here</source>
        <translation>Laufen hier nicht</translation>
    </message>
    <message>
        <source>The node does not answer just now. This is how its services were.</source>
        <translation>Der Knoten antwortet gerade nicht. So stand es um seine Dienste.</translation>
    </message>
    <message>
        <source>Restart %1?</source>
        <translation>%1 neu starten?</translation>
    </message>
    <message>
        <source>Requests that it is working on now may have to be repeated: %1.</source>
        <translation>Anfragen, an denen er gerade arbeitet, müssen vielleicht wiederholt werden: %1.</translation>
    </message>
    <message>
        <source>Restart</source>
        <translation>Neu starten</translation>
    </message>
    <message>
        <source>Leave it running</source>
        <translation>Laufen lassen</translation>
    </message>
</context>
<context>
    <name>StartingPage</name>
    <message>
        <source>Try again now</source>
        <translation>Jetzt noch einmal versuchen</translation>
    </message>
    <message>
        <source>Save diagnostics…</source>
        <translation>Diagnose speichern…</translation>
    </message>
    <message>
        <source>Make a file that helps others to find out what is wrong, without secrets</source>
        <translation>Eine Datei machen, die anderen hilft, den Fehler zu finden, ohne Geheimnisse</translation>
    </message>
</context>
<context>
    <name>Status</name>
    <message>
        <source>The mesh is switched off, so this is not looked at now.</source>
        <translation>Das Mesh ist ausgeschaltet, darum wird das gerade nicht beachtet.</translation>
    </message>
    <message>
        <source>This rule cannot apply on this computer now. {why}</source>
        <translation>Diese Regel kann auf diesem Rechner gerade nicht gelten. {why}</translation>
    </message>
</context>
<context>
    <name>TimeCard</name>
    <message>
        <source>Over time</source>
        <translation>Im Lauf der Zeit</translation>
    </message>
    <message>
        <source>How far back</source>
        <translation>Wie weit zurück</translation>
    </message>
    <message>
        <source>Last 5 minutes</source>
        <translation>Letzte 5 Minuten</translation>
    </message>
    <message>
        <source>Last day</source>
        <translation>Letzter Tag</translation>
    </message>
    <message>
        <source>Requests</source>
        <translation>Anfragen</translation>
    </message>
    <message>
        <source>How long answers took</source>
        <translation>Wie lange Antworten dauerten</translation>
    </message>
    <message>
        <source>Known whom to ask</source>
        <translation>Gewusst, wen zu fragen</translation>
    </message>
    <message>
        <source>Searches of the mesh</source>
        <translation>Suchen im Mesh</translation>
    </message>
    <message>
        <source>found in memory</source>
        <translation>im Speicher gefunden</translation>
    </message>
    <message>
        <source>searches</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>tried again</source>
        <translation>nochmals versucht</translation>
    </message>
    <message>
        <source>requests</source>
        <translation>Anfragen</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>gescheitert</translation>
    </message>
    <message>
        <source>half</source>
        <translation>Hälfte</translation>
    </message>
    <message>
        <source>95 of 100</source>
        <translation>95 von 100</translation>
    </message>
    <message>
        <source>99 of 100</source>
        <translation>99 von 100</translation>
    </message>
    <message>
        <source>5 minutes ago</source>
        <translation>vor 5 Minuten</translation>
    </message>
    <message>
        <source>a day ago</source>
        <translation>vor einem Tag</translation>
    </message>
    <message>
        <source>now</source>
        <translation>jetzt</translation>
    </message>
    <message>
        <source>There were no requests in this time.</source>
        <translation>In dieser Zeit gab es keine Anfragen.</translation>
    </message>
    <message>
        <source>{requests} requests, {failed} of them failed, {again} tries were repeated; another computer took over {over} times. The mesh was searched {searches} times.</source>
        <translation>{requests} Anfragen, davon {failed} gescheitert, {again} Versuche wiederholt; {over}-mal sprang ein anderer Rechner ein. Das Mesh wurde {searches}-mal durchsucht.</translation>
    </message>
</context>
<context>
    <name>TimesCard</name>
    <message>
        <source>Half of them were ready within</source>
        <translation>Die Hälfte war fertig nach</translation>
    </message>
    <message>
        <source>95 of 100 were ready within</source>
        <translation>95 von 100 waren fertig nach</translation>
    </message>
    <message>
        <source>99 of 100 were ready within</source>
        <translation>99 von 100 waren fertig nach</translation>
    </message>
    <message>
        <source>How long answers took</source>
        <translation>Wie lange Antworten dauerten</translation>
    </message>
    <message>
        <source>Nothing has been measured yet.</source>
        <translation>Noch ist nichts gemessen.</translation>
    </message>
    <message>
        <source>When it may work</source>
        <translation>Wann er arbeiten darf</translation>
    </message>
    <message>
        <source>Take part in the mesh</source>
        <translation>Am Mesh teilnehmen</translation>
    </message>
    <message>
        <source>Switched off, this computer stays a member, but leaves the mesh alone and does nothing.</source>
        <translation>Ausgeschaltet bleibt dieser Rechner Mitglied, lässt das Mesh aber in Ruhe und tut nichts.</translation>
    </message>
    <message>
        <source>Work only in these hours</source>
        <translation>Nur in diesen Stunden arbeiten</translation>
    </message>
    <message>
        <source>Taking part in the mesh</source>
        <translation>Teilnahme am Mesh</translation>
    </message>
    <message>
        <source>Schedule on or off</source>
        <translation>Zeitplan an oder aus</translation>
    </message>
    <message>
        <source>Times are those of this computer&apos;s clock ({zone}).</source>
        <translation>Die Zeiten sind die der Uhr dieses Rechners ({zone}).</translation>
    </message>
    <message>
        <source>It is one of these hours now, so it works.</source>
        <translation>Es ist gerade eine dieser Stunden, darum arbeitet er.</translation>
    </message>
    <message>
        <source>{status} That is at {time}.</source>
        <translation>{status} Das ist um {time}.</translation>
    </message>
    <message>
        <source>Hours of the week</source>
        <translation>Stunden der Woche</translation>
    </message>
</context>
<context>
    <name>Tools</name>
    <message>
        <source>Search names, services, states or ways</source>
        <translation>Namen, Dienste, Zustände oder Wege suchen</translation>
    </message>
    <message>
        <source>Search the mesh</source>
        <translation>Im Mesh suchen</translation>
    </message>
    <message>
        <source>Zoom out</source>
        <translation>Verkleinern</translation>
    </message>
    <message>
        <source>Zoom in</source>
        <translation>Vergrößern</translation>
    </message>
    <message>
        <source>Show all</source>
        <translation>Alles zeigen</translation>
    </message>
    <message>
        <source>Show the whole mesh</source>
        <translation>Das ganze Mesh zeigen</translation>
    </message>
    <message>
        <source>Table</source>
        <translation>Tabelle</translation>
    </message>
    <message>
        <source>Map</source>
        <translation>Karte</translation>
    </message>
</context>
<context>
    <name>TotalsCard</name>
    <message>
        <source>Requests since the node started</source>
        <translation>Anfragen, seit der Knoten läuft</translation>
    </message>
    <message>
        <source>requests</source>
        <translation>Anfragen</translation>
    </message>
    <message>
        <source>Requests that came to this node, from the mesh or from its own services</source>
        <translation>Anfragen, die zu diesem Knoten kamen, aus dem Mesh oder von seinen eigenen Diensten</translation>
    </message>
    <message>
        <source>found in memory</source>
        <translation>im Speicher gefunden</translation>
    </message>
    <message>
        <source>How often the node already knew which computer to ask (cache hit rate)</source>
        <translation>Wie oft der Knoten schon wusste, welchen Rechner er fragen soll (Trefferquote des Cache)</translation>
    </message>
    <message>
        <source>searches</source>
        <translation>Suchen</translation>
    </message>
    <message>
        <source>How often it had to search the mesh for a computer (DHT lookups)</source>
        <translation>Wie oft er das Mesh nach einem Rechner durchsuchen musste (DHT-Suchen)</translation>
    </message>
    <message>
        <source>tried elsewhere</source>
        <translation>anderswo versucht</translation>
    </message>
    <message>
        <source>Requests that another computer took over after one failed</source>
        <translation>Anfragen, die ein anderer Rechner übernahm, nachdem einer gescheitert war</translation>
    </message>
    <message>
        <source>failed</source>
        <translation>gescheitert</translation>
    </message>
    <message>
        <source>Requests that no computer could answer</source>
        <translation>Anfragen, die kein Rechner beantworten konnte</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Snooze for &amp;30 minutes</source>
        <translation>&amp;30 Minuten Pause</translation>
    </message>
    <message>
        <source>Snooze for &amp;2 hours</source>
        <translation>&amp;2 Stunden Pause</translation>
    </message>
    <message>
        <source>Mesh on</source>
        <translation>Mesh an</translation>
    </message>
    <message>
        <source>{program} – {state}: {why}</source>
        <translation>{program} – {state}: {why}</translation>
    </message>
    <message>
        <source>{program} – {state} until {time}: {why}</source>
        <translation>{program} – {state} bis {time}: {why}</translation>
    </message>
    <message>
        <source>{program} – {state}: {why}; {end}</source>
        <translation>{program} – {state}: {why}; {end}</translation>
    </message>
    <message>
        <source>The node on this computer does not answer just now.</source>
        <translation>Der Knoten auf diesem Rechner antwortet gerade nicht.</translation>
    </message>
    <message>
        <source>This computer is not in a mesh yet.</source>
        <translation>Dieser Rechner ist noch in keinem Mesh.</translation>
    </message>
    <message>
        <source>The node is closing.</source>
        <translation>Der Knoten schließt sich gerade.</translation>
    </message>
    <message>
        <source>Your rules cannot be read; save them anew in the settings.</source>
        <translation>Ihre Regeln sind nicht lesbar; speichern Sie sie in den Einstellungen neu.</translation>
    </message>
    <message>
        <source>What uses the GPU rests until {time}: {why}</source>
        <translation>Was die GPU nutzt, ruht bis {time}: {why}</translation>
    </message>
    <message>
        <source>The node had stopped and was started again at {time}.</source>
        <translation>Der Knoten war stehen geblieben und wurde um {time} neu gestartet.</translation>
    </message>
    <message>
        <source>Snooze until &amp;tomorrow</source>
        <translation>Pause bis m&amp;orgen</translation>
    </message>
</context>
<context>
    <name>TrayMenu</name>
    <message>
        <source>&amp;Pause</source>
        <translation>&amp;Pause</translation>
    </message>
    <message>
        <source>&amp;Resume</source>
        <translation>&amp;Fortsetzen</translation>
    </message>
    <message>
        <source>Snooze &amp;GPU only</source>
        <translation>Nur die &amp;GPU pausieren</translation>
    </message>
    <message>
        <source>&amp;Until I resume</source>
        <translation>Bis &amp;ich fortsetze</translation>
    </message>
    <message>
        <source>&amp;Mesh on</source>
        <translation>&amp;Mesh an</translation>
    </message>
    <message>
        <source>&amp;Services</source>
        <translation>&amp;Dienste</translation>
    </message>
    <message>
        <source>&amp;Open RMA Mesh</source>
        <translation>&amp;RMA Mesh öffnen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>&amp;Resume what uses the GPU</source>
        <translation>&amp;Fortsetzen, was die GPU nutzt</translation>
    </message>
</context>
<context>
    <name>UndoBar</name>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Changed: {what}.</source>
        <translation>Geändert: {what}.</translation>
    </message>
    <message>
        <source>Undo the change of: {what}</source>
        <translation>Die Änderung rückgängig machen: {what}</translation>
    </message>
</context>
<context>
    <name>UpdatesCard</name>
    <message>
        <source>Version</source>
        <translation>Version</translation>
    </message>
    <message>
        <source>This is RMA Mesh {version}.</source>
        <translation>Dies ist RMA Mesh {version}.</translation>
    </message>
    <message>
        <source>This is RMA Mesh {version}; the node on this computer is of version {node}.</source>
        <translation>Dies ist RMA Mesh {version}; der Knoten auf diesem Rechner hat die Version {node}.</translation>
    </message>
    <message>
        <source>RMA Mesh does not look for newer versions by itself.</source>
        <translation>RMA Mesh sucht nicht von selbst nach neueren Versionen.</translation>
    </message>
    <message>
        <source>To update, install a newer one over it, from where you got this one.</source>
        <translation>Zum Aktualisieren installieren Sie eine neuere darüber, von dort, woher Sie diese haben.</translation>
    </message>
    <message>
        <source>To update, install a newer package with {python}, and start RMA Mesh again.</source>
        <translation>Zum Aktualisieren installieren Sie ein neueres Paket mit {python} und starten RMA Mesh neu.</translation>
    </message>
    <message>
        <source>It runs from its source in {folder}. To update, bring that up to date and start again.</source>
        <translation>Es läuft aus seinem Quelltext in {folder}. Zum Aktualisieren bringen Sie diesen auf den neuesten Stand und starten neu.</translation>
    </message>
    <message>
        <source>Your place in the mesh and your rules stay.</source>
        <translation>Ihr Platz im Mesh und Ihre Regeln bleiben.</translation>
    </message>
</context>
<context>
    <name>WeekGrid</name>
    <message>
        <source>Hours of the week in which this computer may work</source>
        <translation>Stunden der Woche, in denen dieser Rechner arbeiten darf</translation>
    </message>
    <message>
        <source>Arrow keys move, Shift with arrow keys extends, Space switches between working and resting.</source>
        <translation>Pfeiltasten bewegen, Umschalt mit Pfeiltasten erweitert, Leertaste wechselt zwischen Arbeiten und Ruhen.</translation>
    </message>
    <message>
        <source>All days</source>
        <translation>Alle Tage</translation>
    </message>
    <message>
        <source>Days</source>
        <translation>Tage</translation>
    </message>
    <message>
        <source>Switch the whole day</source>
        <translation>Den ganzen Tag umschalten</translation>
    </message>
</context>
<context>
    <name>WeekTable</name>
    <message>
        <source>{day} {start} to {end}, may work</source>
        <translation>{day} {start} bis {end}, darf arbeiten</translation>
    </message>
    <message>
        <source>{day} {start} to {end}, rests</source>
        <translation>{day} {start} bis {end}, ruht</translation>
    </message>
    <message>
        <source>{day} {start} to {end}, may work for a part of it</source>
        <translation>{day} {start} bis {end}, darf einen Teil davon arbeiten</translation>
    </message>
</context>
<context>
    <name>Wizard</name>
    <message>
        <source>Charities and small organisations need computing power that they cannot pay for. With an invite from one of them, this computer answers some of their requests while you do not need all of it. You are paid nothing and you pay nothing but electricity.</source>
        <translation>Gemeinnützige und kleine Organisationen brauchen Rechenleistung, die sie nicht bezahlen können. Mit einer Einladung von einer solchen beantwortet dieser Rechner einige ihrer Anfragen, solange Sie ihn nicht ganz brauchen. Sie bekommen nichts bezahlt, und Sie bezahlen nichts als den Strom.</translation>
    </message>
    <message>
        <source>What happens here</source>
        <translation>Was hier geschieht</translation>
    </message>
    <message>
        <source>Who sees what</source>
        <translation>Wer was sieht</translation>
    </message>
    <message>
        <source>You stay in charge</source>
        <translation>Sie bestimmen</translation>
    </message>
    <message>
        <source>What runs</source>
        <translation>Was läuft</translation>
    </message>
    <message>
        <source>Only services that the mesh&apos;s operator has signed and that you allow. They run as programs of your own user, such as one that takes the text out of a PDF file.</source>
        <translation>Nur Dienste, die der Betreiber des Meshs unterschrieben hat und die Sie erlauben. Sie laufen als Programme Ihres eigenen Benutzers, etwa eines, das den Text aus einer PDF-Datei holt.</translation>
    </message>
    <message>
        <source>Who sends requests</source>
        <translation>Wer Anfragen schickt</translation>
    </message>
    <message>
        <source>The organisations of the mesh that you join, and other computers in it. Nobody else can: every request carries a key or a signature that is checked.</source>
        <translation>Die Organisationen des Meshs, dem Sie beitreten, und andere Rechner darin. Niemand sonst kann es: Jede Anfrage trägt einen Schlüssel oder eine Unterschrift, die geprüft wird.</translation>
    </message>
    <message>
        <source>What is kept</source>
        <translation>Was aufgehoben wird</translation>
    </message>
    <message>
        <source>This program neither logs nor stores the content of requests. A service may keep what it is for, such as a library of texts to search in.</source>
        <translation>Dieses Programm protokolliert und speichert den Inhalt von Anfragen nicht. Ein Dienst darf aufheben, wofür er da ist, etwa eine Sammlung von Texten zum Durchsuchen.</translation>
    </message>
    <message>
        <source>You</source>
        <translation>Sie</translation>
    </message>
    <message>
        <source>What this computer does and how much: services, numbers of requests, routes. Whoever has all rights on a computer could also read what passes through it. So requests about people go only to computers that the operator has vetted.</source>
        <translation>Was dieser Rechner tut und wie viel: Dienste, Zahl der Anfragen, Wege. Wer alle Rechte auf einem Rechner hat, könnte auch lesen, was durch ihn geht. Darum gehen Anfragen über Menschen nur an Rechner, die der Betreiber geprüft hat.</translation>
    </message>
    <message>
        <source>The operator and the others in the mesh</source>
        <translation>Der Betreiber und die anderen im Mesh</translation>
    </message>
    <message>
        <source>The name that you give this computer, its hardware and system, its network addresses, which services it runs and how busy it is. Not your files, not your screen, not what else you do.</source>
        <translation>Den Namen, den Sie diesem Rechner geben, seine Hardware und sein System, seine Netzadressen, welche Dienste er hat und wie beschäftigt er ist. Nicht Ihre Dateien, nicht Ihren Bildschirm, nicht was Sie sonst tun.</translation>
    </message>
    <message>
        <source>Pause whenever you like</source>
        <translation>Pause, wann immer Sie wollen</translation>
    </message>
    <message>
        <source>With one click, here or in the tray. On battery it pauses by itself, unless you say otherwise.</source>
        <translation>Mit einem Klick, hier oder im Infobereich. Im Akkubetrieb macht er von selbst Pause, wenn Sie nichts anderes sagen.</translation>
    </message>
    <message>
        <source>Leave at any time</source>
        <translation>Austreten zu jeder Zeit</translation>
    </message>
    <message>
        <source>One click takes this computer out of the mesh and deletes its keys. You need nobody&apos;s consent.</source>
        <translation>Ein Klick nimmt diesen Rechner aus dem Mesh und löscht seine Schlüssel. Sie brauchen dafür niemanden.</translation>
    </message>
    <message>
        <source>Good</source>
        <translation>Gut</translation>
    </message>
    <message>
        <source>Could be better</source>
        <translation>Könnte besser sein</translation>
    </message>
    <message>
        <source>Needs attention</source>
        <translation>Braucht Beachtung</translation>
    </message>
    <message>
        <source>Known later</source>
        <translation>Später bekannt</translation>
    </message>
    <message>
        <source>Graphics card</source>
        <translation>Grafikkarte</translation>
    </message>
    <message>
        <source>{cards}: its driver lets no program compute on it.</source>
        <translation>{cards}: Der Treiber lässt kein Programm darauf rechnen.</translation>
    </message>
    <message>
        <source>Allow it as administrator, with: nvidia-smi --compute-mode=0</source>
        <translation>Erlauben Sie es als Administrator mit: nvidia-smi --compute-mode=0</translation>
    </message>
    <message>
        <source>There is an NVIDIA card, but it cannot be used: {why}.</source>
        <translation>Da ist eine NVIDIA-Karte, aber sie ist nicht nutzbar: {why}.</translation>
    </message>
    <message>
        <source>Install NVIDIA&apos;s driver, start the computer anew, and look again.</source>
        <translation>Installieren Sie den Treiber von NVIDIA, starten Sie den Rechner neu und sehen Sie wieder nach.</translation>
    </message>
    <message>
        <source>its driver is silent</source>
        <translation>ihr Treiber schweigt</translation>
    </message>
    <message>
        <source>If there is a graphics card for AI models, install its driver anew, and look again.</source>
        <translation>Wenn da eine Grafikkarte für KI-Modelle ist, installieren Sie ihren Treiber neu und sehen Sie wieder nach.</translation>
    </message>
    <message>
        <source>None can be used: {why}.</source>
        <translation>Keine ist nutzbar: {why}.</translation>
    </message>
    <message>
        <source>None for AI models, as in most computers.</source>
        <translation>Keine für KI-Modelle, wie in den meisten Rechnern.</translation>
    </message>
    <message>
        <source>There is nothing to mend: this computer can help with text and documents.</source>
        <translation>Da ist nichts zu beheben: Dieser Rechner kann bei Texten und Dokumenten helfen.</translation>
    </message>
    <message>
        <source>{name} with {memory}, driver {driver}</source>
        <translation>{name} mit {memory}, Treiber {driver}</translation>
    </message>
    <message>
        <source>{name} with {memory}</source>
        <translation>{name} mit {memory}</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>Prozessor</translation>
    </message>
    <message>
        <source>Nothing could be found out about it.</source>
        <translation>Darüber ließ sich nichts herausfinden.</translation>
    </message>
    <message>
        <source>A processor</source>
        <translation>Ein Prozessor</translation>
    </message>
    <message>
        <source>{name}, cores: {count}</source>
        <translation>{name}, Kerne: {count}</translation>
    </message>
    <message>
        <source>It can help, but with little at a time.</source>
        <translation>Er kann helfen, aber immer nur mit wenig zugleich.</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>Arbeitsspeicher</translation>
    </message>
    <message>
        <source>{all}, of which {free} are free now</source>
        <translation>{all}, davon sind gerade {free} frei</translation>
    </message>
    <message>
        <source>Most services need more. It can join, but may get little to do.</source>
        <translation>Die meisten Dienste brauchen mehr. Er kann beitreten, bekommt aber vielleicht wenig zu tun.</translation>
    </message>
    <message>
        <source>It is enough for the small services only.</source>
        <translation>Es reicht nur für die kleinen Dienste.</translation>
    </message>
    <message>
        <source>Disk</source>
        <translation>Platte</translation>
    </message>
    <message>
        <source>{free} are free</source>
        <translation>{free} sind frei</translation>
    </message>
    <message>
        <source>Make room on the disk before you join, and look again.</source>
        <translation>Schaffen Sie vor dem Beitritt Platz auf der Platte und sehen Sie wieder nach.</translation>
    </message>
    <message>
        <source>It is enough to start with; some services need more room.</source>
        <translation>Für den Anfang reicht es; manche Dienste brauchen mehr Platz.</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>Plug the cable in, or join a wireless network, and look again.</source>
        <translation>Stecken Sie das Kabel ein oder gehen Sie in ein Funknetz und sehen Sie wieder nach.</translation>
    </message>
    <message>
        <source>This computer has no address in a network.</source>
        <translation>Dieser Rechner hat keine Adresse in einem Netz.</translation>
    </message>
    <message>
        <source>Addresses: {addresses}</source>
        <translation>Adressen: {addresses}</translation>
    </message>
    <message>
        <source>A coordinator in the same network can be reached; for others look at the router.</source>
        <translation>Ein Koordinator im selben Netz ist erreichbar; für andere sehen Sie nach dem Router.</translation>
    </message>
    <message>
        <source>{text}. No way leads out to the internet.</source>
        <translation>{text}. Kein Weg führt ins Internet.</translation>
    </message>
    <message>
        <source>Reachable from outside</source>
        <translation>Von außen erreichbar</translation>
    </message>
    <message>
        <source>It has a public address of its own: {address}.</source>
        <translation>Er hat eine eigene öffentliche Adresse: {address}.</translation>
    </message>
    <message>
        <source>Whether a firewall lets others in is tried after joining.</source>
        <translation>Ob eine Firewall andere hereinlässt, wird nach dem Beitritt ausprobiert.</translation>
    </message>
    <message>
        <source>It has no public address of its own, as at home and in most offices.</source>
        <translation>Er hat keine eigene öffentliche Adresse, wie zu Hause und in den meisten Büros.</translation>
    </message>
    <message>
        <source>How the router treats it is measured with the coordinator&apos;s help after joining. Where no direct way leads in, requests come through the coordinator; there is nothing to set up.</source>
        <translation>Wie der Router damit umgeht, wird nach dem Beitritt mit Hilfe des Koordinators gemessen. Wo kein direkter Weg hereinführt, kommen Anfragen über den Koordinator; einzustellen ist nichts.</translation>
    </message>
    <message>
        <source>Private network</source>
        <translation>Privates Netz</translation>
    </message>
    <message>
        <source>It can be opened here. It is tried out after joining.</source>
        <translation>Es lässt sich hier öffnen. Ausprobiert wird es nach dem Beitritt.</translation>
    </message>
    <message>
        <source>It is switched off in this program&apos;s settings.</source>
        <translation>Es ist in den Einstellungen dieses Programms ausgeschaltet.</translation>
    </message>
    <message>
        <source>The program that it needs is not here. Others are reached by slower routes.</source>
        <translation>Das Programm, das dafür nötig ist, ist nicht da. Andere werden auf langsameren Wegen erreicht.</translation>
    </message>
    <message>
        <source>This program may not open one. Others are reached by slower routes.</source>
        <translation>Dieses Programm darf keines öffnen. Andere werden auf langsameren Wegen erreicht.</translation>
    </message>
    <message>
        <source>Containers</source>
        <translation>Container</translation>
    </message>
    <message>
        <source>{engine} can be used.</source>
        <translation>{engine} ist nutzbar.</translation>
    </message>
    <message>
        <source>{engine} is here, but this program may not use it.</source>
        <translation>{engine} ist da, aber dieses Programm darf es nicht nutzen.</translation>
    </message>
    <message>
        <source>Only some services need it. Podman without root is the safer way to allow it.</source>
        <translation>Nur manche Dienste brauchen es. Podman ohne root ist der sicherere Weg, es zu erlauben.</translation>
    </message>
    <message>
        <source>{engine} is installed, but does not answer.</source>
        <translation>{engine} ist installiert, antwortet aber nicht.</translation>
    </message>
    <message>
        <source>Only some services need it. Start it, and look again.</source>
        <translation>Nur manche Dienste brauchen es. Starten Sie es und sehen Sie wieder nach.</translation>
    </message>
    <message>
        <source>Neither Docker nor Podman is here.</source>
        <translation>Weder Docker noch Podman ist da.</translation>
    </message>
    <message>
        <source>Only some services need one of them; without it this computer helps with the others.</source>
        <translation>Nur manche Dienste brauchen eines davon; ohne hilft dieser Rechner bei den anderen.</translation>
    </message>
    <message>
        <source>Look again; if it stays so, tell the person who invited you.</source>
        <translation>Sehen Sie wieder nach; bleibt es so, sagen Sie es der Person, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>{some} and {count} more</source>
        <translation>{some} und {count} weitere</translation>
    </message>
    <message>
        <source>Your invite</source>
        <translation>Ihre Einladung</translation>
    </message>
    <message>
        <source>Invite link or code</source>
        <translation>Link oder Code der Einladung</translation>
    </message>
    <message>
        <source>Coordinator&apos;s address</source>
        <translation>Adresse des Koordinators</translation>
    </message>
    <message>
        <source>Name of this computer, as others see it</source>
        <translation>Name dieses Rechners, wie andere ihn sehen</translation>
    </message>
    <message>
        <source>My computer</source>
        <translation>Mein Rechner</translation>
    </message>
    <message>
        <source>Paste</source>
        <translation>Einfügen</translation>
    </message>
    <message>
        <source>Choose a picture…</source>
        <translation>Ein Bild wählen…</translation>
    </message>
    <message>
        <source>There is neither text nor a picture to paste. Copy the invite first.</source>
        <translation>Es gibt weder Text noch ein Bild zum Einfügen. Kopieren Sie erst die Einladung.</translation>
    </message>
    <message>
        <source>Pictures</source>
        <translation>Bilder</translation>
    </message>
    <message>
        <source>Picture of an invite&apos;s QR code</source>
        <translation>Bild des QR-Codes einer Einladung</translation>
    </message>
    <message>
        <source>You are about to join the mesh of {host}.</source>
        <translation>Sie sind dabei, dem Mesh von {host} beizutreten.</translation>
    </message>
    <message>
        <source>Reading the picture.</source>
        <translation>Das Bild wird gelesen.</translation>
    </message>
    <message>
        <source>The code also needs the address of its coordinator.</source>
        <translation>Der Code braucht noch die Adresse seines Koordinators.</translation>
    </message>
    <message>
        <source>Paste the invite with whatever is around it, such as a whole mail. A picture of its QR code can be chosen, pasted, or dropped here.</source>
        <translation>Fügen Sie die Einladung ein mit allem, was um sie herum steht, etwa eine ganze E-Mail. Ein Bild ihres QR-Codes können Sie wählen, einfügen oder hier ablegen.</translation>
    </message>
    <message>
        <source>Its fingerprint is {fingerprint}.</source>
        <translation>Sein Fingerabdruck ist {fingerprint}.</translation>
    </message>
    <message>
        <source>Its address begins with http, so others on the way can read what is sent.</source>
        <translation>Seine Adresse beginnt mit http, darum können andere unterwegs lesen, was gesendet wird.</translation>
    </message>
    <message>
        <source>The address of {host} begins with http. Others on the way can read what is sent, requests included. Nobody can put another mesh in its place, because the invite names the mesh&apos;s key. In a network that you trust, such as your own, this may be fine; else ask for an https address.</source>
        <translation>Die Adresse von {host} beginnt mit http. Andere unterwegs können lesen, was gesendet wird, auch Anfragen. Niemand kann ein anderes Mesh an seine Stelle setzen, denn die Einladung nennt den Schlüssel des Meshs. In einem Netz, dem Sie trauen, etwa Ihrem eigenen, mag das in Ordnung sein; sonst bitten Sie um eine Adresse mit https.</translation>
    </message>
    <message>
        <source>Join without encryption?</source>
        <translation>Ohne Verschlüsselung beitreten?</translation>
    </message>
    <message>
        <source>Join anyway</source>
        <translation>Trotzdem beitreten</translation>
    </message>
    <message>
        <source>Do not join</source>
        <translation>Nicht beitreten</translation>
    </message>
    <message>
        <source>Joining did not work</source>
        <translation>Der Beitritt ist nicht gelungen</translation>
    </message>
    <message>
        <source>Joining</source>
        <translation>Beitritt</translation>
    </message>
    <message>
        <source>Asking {host} to let this computer in. This takes a few seconds.</source>
        <translation>{host} wird gebeten, diesen Rechner aufzunehmen. Das dauert einige Sekunden.</translation>
    </message>
    <message>
        <source>Asking the coordinator to let this computer in. This takes a few seconds.</source>
        <translation>Der Koordinator wird gebeten, diesen Rechner aufzunehmen. Das dauert einige Sekunden.</translation>
    </message>
    <message>
        <source>Looking at this computer</source>
        <translation>Dieser Rechner wird angesehen</translation>
    </message>
    <message>
        <source>What was found</source>
        <translation>Was gefunden wurde</translation>
    </message>
    <message>
        <source>Look again</source>
        <translation>Wieder nachsehen</translation>
    </message>
    <message>
        <source>Looking at this computer. This takes a few seconds; nobody outside is asked.</source>
        <translation>Dieser Rechner wird angesehen. Das dauert einige Sekunden; draußen wird niemand gefragt.</translation>
    </message>
    <message>
        <source>Waiting for the part of RMA Mesh that looks at this computer.</source>
        <translation>Gewartet wird auf den Teil von RMA Mesh, der sich diesen Rechner ansieht.</translation>
    </message>
    <message>
        <source>Everything is fine.</source>
        <translation>Alles ist in Ordnung.</translation>
    </message>
    <message>
        <source>This computer can help. What is marked could be better, but nothing has to be done.</source>
        <translation>Dieser Rechner kann helfen. Was markiert ist, könnte besser sein, aber es muss nichts geschehen.</translation>
    </message>
    <message>
        <source>Something needs attention before this computer can help well. You can join all the same.</source>
        <translation>Etwas braucht Beachtung, bevor dieser Rechner gut helfen kann. Beitreten können Sie trotzdem.</translation>
    </message>
    <message>
        <source>This computer could not be looked at</source>
        <translation>Dieser Rechner ließ sich nicht ansehen</translation>
    </message>
    <message>
        <source>The part of RMA Mesh that does it does not answer just now.</source>
        <translation>Der Teil von RMA Mesh, der das tut, antwortet gerade nicht.</translation>
    </message>
    <message>
        <source>Look again in a moment. You can join without it, too.</source>
        <translation>Sehen Sie gleich wieder nach. Beitreten können Sie auch ohne.</translation>
    </message>
    <message>
        <source>What this computer may do</source>
        <translation>Was dieser Rechner tun darf</translation>
    </message>
    <message>
        <source>Whenever it is switched on</source>
        <translation>Wann immer er eingeschaltet ist</translation>
    </message>
    <message>
        <source>Only in the evening, at night and at weekends (18:00 to 8:00)</source>
        <translation>Nur abends, nachts und am Wochenende (18:00 bis 8:00)</translation>
    </message>
    <message>
        <source>In the hours that were set before</source>
        <translation>In den Stunden, die vorher eingestellt waren</translation>
    </message>
    <message>
        <source>Rest what needs the graphics card</source>
        <translation>Ruhen lassen, was die Grafikkarte braucht</translation>
    </message>
    <message>
        <source>Rest everything</source>
        <translation>Alles ruhen lassen</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>Weitermachen</translation>
    </message>
    <message>
        <source>Use at most {percent} % of the processor</source>
        <translation>Höchstens {percent} % des Prozessors nutzen</translation>
    </message>
    <message>
        <source>Use all of the processor where that helps</source>
        <translation>Den ganzen Prozessor nutzen, wo das hilft</translation>
    </message>
    <message>
        <source>Services</source>
        <translation>Dienste</translation>
    </message>
    <message>
        <source>These are the usual ones. What else a mesh offers is shown after joining, and can be switched off as well.</source>
        <translation>Das sind die üblichen. Was ein Mesh sonst bietet, ist nach dem Beitritt zu sehen und lässt sich ebenso ausschalten.</translation>
    </message>
    <message>
        <source>Hours</source>
        <translation>Stunden</translation>
    </message>
    <message>
        <source>While somebody uses it</source>
        <translation>Solange jemand ihn nutzt</translation>
    </message>
    <message>
        <source>Limits</source>
        <translation>Grenzen</translation>
    </message>
    <message>
        <source>Rest while it runs on battery</source>
        <translation>Ruhen, solange er im Akkubetrieb läuft</translation>
    </message>
    <message>
        <source>Rest while the network counts or costs</source>
        <translation>Ruhen, solange das Netz zählt oder kostet</translation>
    </message>
    <message>
        <source>More rules are in the settings, once this computer has joined.</source>
        <translation>Weitere Regeln stehen in den Einstellungen, sobald dieser Rechner beigetreten ist.</translation>
    </message>
    <message>
        <source>This is not a picture that can be read. Take a PNG, JPEG, WebP, BMP or GIF file.</source>
        <translation>Dieses Bild ist nicht lesbar. Nehmen Sie eine PNG-, JPEG-, WebP-, BMP- oder GIF-Datei.</translation>
    </message>
    <message>
        <source>This file cannot be opened. Copy it to your own folder and try again.</source>
        <translation>Diese Datei lässt sich nicht öffnen. Kopieren Sie sie in Ihren eigenen Ordner und versuchen Sie es wieder.</translation>
    </message>
    <message>
        <source>This picture is too large. Cut out the QR code, or take a smaller one.</source>
        <translation>Dieses Bild ist zu groß. Schneiden Sie den QR-Code aus oder nehmen Sie ein kleineres.</translation>
    </message>
    <message>
        <source>Pictures of this kind (HEIC, AVIF) cannot be read. Send it as JPEG, or take a screenshot of it.</source>
        <translation>Bilder dieser Art (HEIC, AVIF) sind nicht lesbar. Schicken Sie es als JPEG oder machen Sie ein Bildschirmfoto davon.</translation>
    </message>
    <message>
        <source>This picture is damaged. Save or send it once more.</source>
        <translation>Dieses Bild ist beschädigt. Speichern oder schicken Sie es noch einmal.</translation>
    </message>
    <message>
        <source>There is no QR code to be read in this picture. Take it again: whole, sharp and without glare.</source>
        <translation>In diesem Bild ist kein QR-Code zu lesen. Nehmen Sie es noch einmal auf: ganz, scharf und ohne Spiegelung.</translation>
    </message>
    <message>
        <source>The QR code in this picture is not an invite. Ask for the right picture.</source>
        <translation>Der QR-Code in diesem Bild ist keine Einladung. Bitten Sie um das richtige Bild.</translation>
    </message>
    <message>
        <source>Reading this picture took too long. Cut out the QR code and try again.</source>
        <translation>Dieses Bild zu lesen hat zu lange gedauert. Schneiden Sie den QR-Code aus und versuchen Sie es wieder.</translation>
    </message>
    <message>
        <source>This picture cannot be read. Paste the invite&apos;s link in its place.</source>
        <translation>Dieses Bild ist nicht lesbar. Fügen Sie stattdessen den Link der Einladung ein.</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Back</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>Step {step} of {all}</source>
        <translation>Schritt {step} von {all}</translation>
    </message>
    <message>
        <source>Join</source>
        <translation>Beitreten</translation>
    </message>
    <message>
        <source>Stop joining</source>
        <translation>Beitritt abbrechen</translation>
    </message>
    <message>
        <source>Stop setting up?</source>
        <translation>Einrichten abbrechen?</translation>
    </message>
    <message>
        <source>Stop and quit</source>
        <translation>Abbrechen und beenden</translation>
    </message>
    <message>
        <source>Let this computer help</source>
        <translation>Diesen Rechner helfen lassen</translation>
    </message>
    <message>
        <source>What this computer has</source>
        <translation>Was dieser Rechner hat</translation>
    </message>
    <message>
        <source>Join with an invite</source>
        <translation>Mit einer Einladung beitreten</translation>
    </message>
    <message>
        <source>This window closes. The node on this computer was started by somebody else: it goes on, and nothing of it is changed. No mesh is joined.</source>
        <translation>Dieses Fenster schließt sich. Den Knoten auf diesem Rechner hat jemand anders gestartet: Er läuft weiter, und nichts daran ändert sich. Kein Mesh wird betreten.</translation>
    </message>
    <message>
        <source>RMA Mesh closes and deletes what it made for setting up, such as this computer&apos;s new key. No mesh is joined, nothing keeps running and nothing is left behind. Files and settings that were here before stay. If a coordinator had let this computer in at the very moment when you stopped joining, it may still list it; it cannot reach it.</source>
        <translation>RMA Mesh schließt sich und löscht, was es zum Einrichten gemacht hat, etwa den neuen Schlüssel dieses Rechners. Kein Mesh wird betreten, nichts läuft weiter und nichts bleibt zurück. Dateien und Einstellungen von vorher bleiben. Falls ein Koordinator diesen Rechner gerade in dem Moment aufgenommen hat, in dem Sie abgebrochen haben, verzeichnet er ihn vielleicht noch; erreichen kann er ihn nicht.</translation>
    </message>
</context>
<context>
    <name>Wording</name>
    <message>
        <source>The node that runs here is of another version than this window</source>
        <translation>Der Knoten, der hier läuft, hat eine andere Version als dieses Fenster</translation>
    </message>
    <message>
        <source>What it says cannot be read.</source>
        <translation>Was er sagt, ist nicht lesbar.</translation>
    </message>
    <message>
        <source>Quit both and start the newer one.</source>
        <translation>Beenden Sie beide und starten Sie das neuere.</translation>
    </message>
    <message>
        <source>Working</source>
        <translation>Arbeitet</translation>
    </message>
    <message>
        <source>The next try is at {time}.</source>
        <translation>Der nächste Versuch ist um {time}.</translation>
    </message>
    <message>
        <source>Paste an invite to let this computer help.</source>
        <translation>Fügen Sie eine Einladung ein, damit dieser Rechner helfen kann.</translation>
    </message>
    <message>
        <source>You asked it to rest; it goes on by itself at {time}.</source>
        <translation>Sie haben um Ruhe gebeten; es geht um {time} von selbst weiter.</translation>
    </message>
    <message>
        <source>This computer does nothing for the mesh until you resume.</source>
        <translation>Dieser Rechner tut nichts für das Mesh, bis Sie fortsetzen.</translation>
    </message>
    <message>
        <source>Stopping the services.</source>
        <translation>Die Dienste werden angehalten.</translation>
    </message>
    <message>
        <source>The node is not working.</source>
        <translation>Der Knoten arbeitet nicht.</translation>
    </message>
    <message>
        <source>Services are being started.</source>
        <translation>Dienste werden gestartet.</translation>
    </message>
    <message>
        <source>Ready, and waiting to be given something to do.</source>
        <translation>Bereit und wartet darauf, etwas zu tun zu bekommen.</translation>
    </message>
    <message>
        <source>The coordinator lets nobody in for the moment. It is asked again by itself at {time}.</source>
        <translation>Der Koordinator nimmt im Augenblick niemanden auf. Er wird um {time} von selbst noch einmal gefragt.</translation>
    </message>
    <message>
        <source>It goes on by itself at {time}.</source>
        <translation>Es geht von selbst weiter um {time}.</translation>
    </message>
    <message>
        <source>This system does not tell what it is about.</source>
        <translation>Dieses System sagt nichts über das, worum es darin geht.</translation>
    </message>
    <message>
        <source>Until {time}.</source>
        <translation>Bis {time}.</translation>
    </message>
    <message>
        <source>Private network, relayed</source>
        <translation>Privates Netz, vermittelt</translation>
    </message>
    <message>
        <source>{way}; {better}</source>
        <translation>{way}; {better}</translation>
    </message>
    <message>
        <source>{state}, {address}</source>
        <translation>{state}, {address}</translation>
    </message>
    <message>
        <source>Please try again.</source>
        <translation>Bitte versuchen Sie es noch einmal.</translation>
    </message>
    <message>
        <source>The node on this computer does not answer just now.</source>
        <translation>Der Knoten auf diesem Rechner antwortet gerade nicht.</translation>
    </message>
    <message>
        <source>Something happened that we did not expect.</source>
        <translation>Etwas ist geschehen, womit wir nicht gerechnet haben.</translation>
    </message>
    <message>
        <source>Not in a mesh yet</source>
        <translation>Noch in keinem Mesh</translation>
    </message>
    <message>
        <source>Joining</source>
        <translation>Tritt bei</translation>
    </message>
    <message>
        <source>Online</source>
        <translation>Verbunden</translation>
    </message>
    <message>
        <source>Working with limits</source>
        <translation>Arbeitet eingeschränkt</translation>
    </message>
    <message>
        <source>Paused</source>
        <translation>Pausiert</translation>
    </message>
    <message>
        <source>Finishing up</source>
        <translation>Bringt zu Ende</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>Angehalten</translation>
    </message>
    <message>
        <source>Starting</source>
        <translation>Startet</translation>
    </message>
    <message>
        <source>The part that does the work is being started.</source>
        <translation>Der Teil, der die Arbeit tut, wird gestartet.</translation>
    </message>
    <message>
        <source>Connecting</source>
        <translation>Verbindet</translation>
    </message>
    <message>
        <source>Waiting for the node on this computer to answer.</source>
        <translation>Gewartet wird auf die Antwort des Knotens auf diesem Rechner.</translation>
    </message>
    <message>
        <source>Restarting</source>
        <translation>Startet neu</translation>
    </message>
    <message>
        <source>The node stopped and is being started again.</source>
        <translation>Der Knoten blieb stehen und wird neu gestartet.</translation>
    </message>
    <message>
        <source>Not running</source>
        <translation>Läuft nicht</translation>
    </message>
    <message>
        <source>The node cannot be started.</source>
        <translation>Der Knoten lässt sich nicht starten.</translation>
    </message>
    <message>
        <source>Closing</source>
        <translation>Wird geschlossen</translation>
    </message>
    <message>
        <source>Finishing what is under way.</source>
        <translation>Was läuft, wird zu Ende gebracht.</translation>
    </message>
    <message>
        <source>Not in a mesh</source>
        <translation>In keinem Mesh</translation>
    </message>
    <message>
        <source>Paste an invite to join one.</source>
        <translation>Fügen Sie eine Einladung ein, um einem beizutreten.</translation>
    </message>
    <message>
        <source>Asking the coordinator to let this computer in.</source>
        <translation>Der Koordinator wird gebeten, diesen Rechner aufzunehmen.</translation>
    </message>
    <message>
        <source>Waiting to join</source>
        <translation>Wartet auf Aufnahme</translation>
    </message>
    <message>
        <source>The coordinator lets nobody in for the moment. It is asked again by itself.</source>
        <translation>Der Koordinator nimmt im Augenblick niemanden auf. Er wird von selbst noch einmal gefragt.</translation>
    </message>
    <message>
        <source>Could not join</source>
        <translation>Beitritt nicht gelungen</translation>
    </message>
    <message>
        <source>The coordinator did not let this computer in.</source>
        <translation>Der Koordinator hat diesen Rechner nicht aufgenommen.</translation>
    </message>
    <message>
        <source>Introducing</source>
        <translation>Stellt sich vor</translation>
    </message>
    <message>
        <source>Telling the coordinator that this computer is here.</source>
        <translation>Dem Koordinator wird gesagt, dass dieser Rechner da ist.</translation>
    </message>
    <message>
        <source>Coordinator out of reach</source>
        <translation>Koordinator nicht erreichbar</translation>
    </message>
    <message>
        <source>Work goes on without it.</source>
        <translation>Die Arbeit geht ohne den Koordinator weiter.</translation>
    </message>
    <message>
        <source>Refused by the coordinator</source>
        <translation>Vom Koordinator abgewiesen</translation>
    </message>
    <message>
        <source>Ask the person who invited you.</source>
        <translation>Fragen Sie die Person, die Sie eingeladen hat.</translation>
    </message>
    <message>
        <source>Nothing to do just now</source>
        <translation>Gerade nichts zu tun</translation>
    </message>
    <message>
        <source>The coordinator gives it work when there is some.</source>
        <translation>Der Koordinator gibt ihm Arbeit, wenn es welche gibt.</translation>
    </message>
    <message>
        <source>Waiting to be let in</source>
        <translation>Wartet auf Einlass</translation>
    </message>
    <message>
        <source>The operator of the mesh approves this computer first.</source>
        <translation>Der Betreiber des Meshs muss diesen Computer erst zulassen.</translation>
    </message>
    <message>
        <source>On probation</source>
        <translation>Auf Bewährung</translation>
    </message>
    <message>
        <source>Answers were wrong, so others are asked first.</source>
        <translation>Antworten waren falsch, darum werden andere zuerst gefragt.</translation>
    </message>
    <message>
        <source>A service has trouble</source>
        <translation>Ein Dienst ist gestört</translation>
    </message>
    <message>
        <source>It is started again by itself.</source>
        <translation>Er wird von selbst neu gestartet.</translation>
    </message>
    <message>
        <source>Paused by you</source>
        <translation>Von Ihnen pausiert</translation>
    </message>
    <message>
        <source>Nothing runs until you resume.</source>
        <translation>Nichts läuft, bis Sie fortsetzen.</translation>
    </message>
    <message>
        <source>Paused for a while</source>
        <translation>Eine Weile pausiert</translation>
    </message>
    <message>
        <source>It goes on by itself afterwards.</source>
        <translation>Danach geht es von selbst weiter.</translation>
    </message>
    <message>
        <source>Mesh switched off</source>
        <translation>Mesh ausgeschaltet</translation>
    </message>
    <message>
        <source>This computer stays a member, but nobody reaches it.</source>
        <translation>Dieser Rechner bleibt Mitglied, aber niemand erreicht ihn.</translation>
    </message>
    <message>
        <source>Rules cannot be read</source>
        <translation>Regeln nicht lesbar</translation>
    </message>
    <message>
        <source>It rests until you save your rules anew.</source>
        <translation>Er ruht, bis Sie Ihre Regeln neu speichern.</translation>
    </message>
    <message>
        <source>Outside your schedule</source>
        <translation>Außerhalb Ihres Zeitplans</translation>
    </message>
    <message>
        <source>It goes on at the next start.</source>
        <translation>Es geht beim nächsten Beginn weiter.</translation>
    </message>
    <message>
        <source>Running on battery</source>
        <translation>Läuft im Akkubetrieb</translation>
    </message>
    <message>
        <source>It goes on once the computer is plugged in.</source>
        <translation>Es geht weiter, sobald der Rechner am Stromnetz ist.</translation>
    </message>
    <message>
        <source>Network counts or costs</source>
        <translation>Das Netz zählt oder kostet</translation>
    </message>
    <message>
        <source>It goes on with another network.</source>
        <translation>Mit einem anderen Netz geht es weiter.</translation>
    </message>
    <message>
        <source>One of your programs is running</source>
        <translation>Eines Ihrer Programme läuft</translation>
    </message>
    <message>
        <source>It goes on once that is closed.</source>
        <translation>Es geht weiter, sobald es geschlossen ist.</translation>
    </message>
    <message>
        <source>You are using this computer</source>
        <translation>Sie nutzen diesen Rechner</translation>
    </message>
    <message>
        <source>It goes on a while after you stop.</source>
        <translation>Es geht weiter, eine Weile nachdem Sie aufhören.</translation>
    </message>
    <message>
        <source>GPU is too hot</source>
        <translation>Die GPU ist zu heiß</translation>
    </message>
    <message>
        <source>What uses the GPU goes on once it has cooled down.</source>
        <translation>Was die GPU nutzt, geht weiter, sobald sie abgekühlt ist.</translation>
    </message>
    <message>
        <source>GPU is in use</source>
        <translation>Die GPU wird gebraucht</translation>
    </message>
    <message>
        <source>What uses it goes on once other programs need less.</source>
        <translation>Was sie nutzt, geht weiter, sobald andere Programme weniger brauchen.</translation>
    </message>
    <message>
        <source>Finishing</source>
        <translation>Bringt zu Ende</translation>
    </message>
    <message>
        <source>Requests under way are finished first.</source>
        <translation>Laufende Anfragen werden erst beendet.</translation>
    </message>
    <message>
        <source>The node is stopping.</source>
        <translation>Der Knoten hält gerade an.</translation>
    </message>
    <message>
        <source>Connection is not encrypted</source>
        <translation>Verbindung nicht verschlüsselt</translation>
    </message>
    <message>
        <source>Others on the way can read along.</source>
        <translation>Andere unterwegs können mitlesen.</translation>
    </message>
    <message>
        <source>Key is kept in a file</source>
        <translation>Schlüssel liegt in einer Datei</translation>
    </message>
    <message>
        <source>This system offers no keyring.</source>
        <translation>Dieses System bietet keinen Schlüsselbund.</translation>
    </message>
    <message>
        <source>No private network here</source>
        <translation>Hier kein privates Netz</translation>
    </message>
    <message>
        <source>This program may not open one; others are reached by other routes.</source>
        <translation>Dieses Programm darf keines öffnen; andere werden auf anderen Wegen erreicht.</translation>
    </message>
    <message>
        <source>Private network out of reach</source>
        <translation>Privates Netz nicht erreichbar</translation>
    </message>
    <message>
        <source>A firewall seems to block it; other routes are used.</source>
        <translation>Eine Firewall scheint es zu sperren; andere Wege werden genutzt.</translation>
    </message>
    <message>
        <source>Private network expired</source>
        <translation>Privates Netz abgelaufen</translation>
    </message>
    <message>
        <source>It is renewed by itself; check the computer&apos;s clock.</source>
        <translation>Es wird von selbst erneuert; prüfen Sie die Uhr des Rechners.</translation>
    </message>
    <message>
        <source>Out of the private network</source>
        <translation>Vom privaten Netz ausgeschlossen</translation>
    </message>
    <message>
        <source>Private network clashes with another one</source>
        <translation>Privates Netz stößt mit einem anderen zusammen</translation>
    </message>
    <message>
        <source>It opens once the other one is gone; other routes are used.</source>
        <translation>Es öffnet sich, sobald das andere weg ist; andere Wege werden genutzt.</translation>
    </message>
    <message>
        <source>Private network has trouble</source>
        <translation>Privates Netz gestört</translation>
    </message>
    <message>
        <source>It is tried again; other routes are used.</source>
        <translation>Es wird wieder versucht; andere Wege werden genutzt.</translation>
    </message>
    <message>
        <source>Private network not renewed</source>
        <translation>Privates Netz nicht erneuert</translation>
    </message>
    <message>
        <source>It is tried again by itself.</source>
        <translation>Es wird von selbst wieder versucht.</translation>
    </message>
    <message>
        <source>Not reachable in the private network</source>
        <translation>Im privaten Netz nicht erreichbar</translation>
    </message>
    <message>
        <source>Another program has this node&apos;s port; free it.</source>
        <translation>Ein anderes Programm hat den Port dieses Knotens; geben Sie ihn frei.</translation>
    </message>
    <message>
        <source>Off</source>
        <translation>Aus</translation>
    </message>
    <message>
        <source>Others are reached on the local network and by other routes only</source>
        <translation>Andere werden nur im lokalen Netz und auf anderen Wegen erreicht</translation>
    </message>
    <message>
        <source>Not allowed here</source>
        <translation>Hier nicht erlaubt</translation>
    </message>
    <message>
        <source>This program may not open one; other routes are used</source>
        <translation>Dieses Programm darf keines öffnen; andere Wege werden genutzt</translation>
    </message>
    <message>
        <source>Opening</source>
        <translation>Öffnet sich</translation>
    </message>
    <message>
        <source>The private network is being opened</source>
        <translation>Das private Netz wird geöffnet</translation>
    </message>
    <message>
        <source>Direct</source>
        <translation>Direkt</translation>
    </message>
    <message>
        <source>Others are reached directly</source>
        <translation>Andere werden direkt erreicht</translation>
    </message>
    <message>
        <source>Through a coordinator</source>
        <translation>Über einen Koordinator</translation>
    </message>
    <message>
        <source>No direct way is open, so it is slower</source>
        <translation>Kein direkter Weg ist offen, darum ist es langsamer</translation>
    </message>
    <message>
        <source>Out of reach</source>
        <translation>Nicht erreichbar</translation>
    </message>
    <message>
        <source>A firewall seems to block it; other routes are used</source>
        <translation>Eine Firewall scheint es zu sperren; andere Wege werden genutzt</translation>
    </message>
    <message>
        <source>Expired</source>
        <translation>Abgelaufen</translation>
    </message>
    <message>
        <source>Its certificate is renewed by itself; check the computer&apos;s clock</source>
        <translation>Sein Zertifikat wird von selbst erneuert; prüfen Sie die Uhr des Rechners</translation>
    </message>
    <message>
        <source>Put out</source>
        <translation>Ausgeschlossen</translation>
    </message>
    <message>
        <source>The mesh does not accept this computer; ask who invited you</source>
        <translation>Das Mesh nimmt diesen Rechner nicht an; fragen Sie, wer Sie eingeladen hat</translation>
    </message>
    <message>
        <source>Clashes with another one</source>
        <translation>Stößt mit einem anderen zusammen</translation>
    </message>
    <message>
        <source>Something else here has the same addresses</source>
        <translation>Etwas anderes hier hat dieselben Adressen</translation>
    </message>
    <message>
        <source>In trouble</source>
        <translation>Gestört</translation>
    </message>
    <message>
        <source>It cannot be opened just now and is tried again by itself</source>
        <translation>Es lässt sich gerade nicht öffnen und wird von selbst wieder versucht</translation>
    </message>
    <message>
        <source>Running</source>
        <translation>Läuft</translation>
    </message>
    <message>
        <source>Ready for requests</source>
        <translation>Bereit für Anfragen</translation>
    </message>
    <message>
        <source>Getting ready</source>
        <translation>Macht sich bereit</translation>
    </message>
    <message>
        <source>Not well</source>
        <translation>Nicht gesund</translation>
    </message>
    <message>
        <source>Running, but it does not answer as it should</source>
        <translation>Läuft, antwortet aber nicht, wie es sein soll</translation>
    </message>
    <message>
        <source>Failed</source>
        <translation>Ausgefallen</translation>
    </message>
    <message>
        <source>It ended and is started again after a pause</source>
        <translation>Er ist ausgefallen und wird nach einer Pause neu gestartet</translation>
    </message>
    <message>
        <source>Finishing what is under way</source>
        <translation>Was läuft, wird zu Ende gebracht</translation>
    </message>
    <message>
        <source>On this computer</source>
        <translation>Auf diesem Rechner</translation>
    </message>
    <message>
        <source>answered right here</source>
        <translation>gleich hier beantwortet</translation>
    </message>
    <message>
        <source>Private network</source>
        <translation>Privates Netz</translation>
    </message>
    <message>
        <source>through the mesh&apos;s encrypted network</source>
        <translation>durch das verschlüsselte Netz des Meshs</translation>
    </message>
    <message>
        <source>over the local network</source>
        <translation>über das lokale Netz</translation>
    </message>
    <message>
        <source>Relayed</source>
        <translation>Vermittelt</translation>
    </message>
    <message>
        <source>through a coordinator</source>
        <translation>über einen Koordinator</translation>
    </message>
    <message>
        <source>Tunnel</source>
        <translation>Tunnel</translation>
    </message>
    <message>
        <source>through a public tunnel</source>
        <translation>durch einen öffentlichen Tunnel</translation>
    </message>
    <message>
        <source>private network being tried</source>
        <translation>privates Netz wird versucht</translation>
    </message>
    <message>
        <source>direct way being tried</source>
        <translation>direkter Weg wird versucht</translation>
    </message>
    <message>
        <source>direct way tried again soon</source>
        <translation>direkter Weg wird bald wieder versucht</translation>
    </message>
    <message>
        <source>relay tried again soon</source>
        <translation>Vermittlung wird bald wieder versucht</translation>
    </message>
    <message>
        <source>AI models, on its graphics card</source>
        <translation>KI-Modelle, auf seiner Grafikkarte</translation>
    </message>
    <message>
        <source>Requests from the internet</source>
        <translation>Anfragen aus dem Internet</translation>
    </message>
    <message>
        <source>Storing data</source>
        <translation>Daten aufbewahren</translation>
    </message>
    <message>
        <source>Text and documents</source>
        <translation>Texte und Dokumente</translation>
    </message>
    <message>
        <source>This invite does not work</source>
        <translation>Diese Einladung gilt nicht</translation>
    </message>
    <message>
        <source>It may have been used already or have expired. Ask the person who sent it for a new one.</source>
        <translation>Sie wurde vielleicht schon benutzt oder ist abgelaufen. Bitten Sie die Person, die sie geschickt hat, um eine neue.</translation>
    </message>
    <message>
        <source>The coordinator does not answer</source>
        <translation>Der Koordinator antwortet nicht</translation>
    </message>
    <message>
        <source>Check the address and this computer&apos;s internet connection, then try again.</source>
        <translation>Prüfen Sie die Adresse und die Internetverbindung dieses Rechners und versuchen Sie es dann wieder.</translation>
    </message>
    <message>
        <source>This computer is in a mesh already</source>
        <translation>Dieser Rechner ist schon in einem Mesh</translation>
    </message>
    <message>
        <source>Leave that mesh first if you want to join another one.</source>
        <translation>Verlassen Sie erst jenes Mesh, wenn Sie einem anderen beitreten wollen.</translation>
    </message>
    <message>
        <source>Too many tries</source>
        <translation>Zu viele Versuche</translation>
    </message>
    <message>
        <source>Please wait a quarter of an hour and try again.</source>
        <translation>Bitte warten Sie eine Viertelstunde und versuchen Sie es dann wieder.</translation>
    </message>
    <message>
        <source>The coordinator refuses this computer</source>
        <translation>Der Koordinator weist diesen Rechner ab</translation>
    </message>
    <message>
        <source>The coordinator&apos;s address or the invite is not complete</source>
        <translation>Die Adresse des Koordinators oder die Einladung ist nicht vollständig</translation>
    </message>
    <message>
        <source>Please copy the invite again.</source>
        <translation>Bitte kopieren Sie die Einladung noch einmal.</translation>
    </message>
    <message>
        <source>The coordinator took too long to answer</source>
        <translation>Der Koordinator brauchte zu lange für eine Antwort</translation>
    </message>
    <message>
        <source>Please try again in a minute.</source>
        <translation>Bitte versuchen Sie es in einer Minute wieder.</translation>
    </message>
    <message>
        <source>The node is closing</source>
        <translation>Der Knoten schließt sich gerade</translation>
    </message>
    <message>
        <source>The node is not ready yet</source>
        <translation>Der Knoten ist noch nicht bereit</translation>
    </message>
    <message>
        <source>Please try again in a moment.</source>
        <translation>Bitte versuchen Sie es gleich noch einmal.</translation>
    </message>
    <message>
        <source>Pausing or resuming did not work</source>
        <translation>Pausieren oder Fortsetzen ist nicht gelungen</translation>
    </message>
    <message>
        <source>Leaving the mesh did not work</source>
        <translation>Das Mesh zu verlassen ist nicht gelungen</translation>
    </message>
    <message>
        <source>Joining did not work</source>
        <translation>Der Beitritt ist nicht gelungen</translation>
    </message>
    <message>
        <source>The service could not be restarted</source>
        <translation>Der Dienst ließ sich nicht neu starten</translation>
    </message>
    <message>
        <source>The rule was not changed</source>
        <translation>Die Regel wurde nicht geändert</translation>
    </message>
</context>
<context>
    <name>WorkCard</name>
    <message>
        <source>Helping now</source>
        <translation>Hilft gerade</translation>
    </message>
    <message>
        <source>Load</source>
        <translation>Last</translation>
    </message>
    <message>
        <source>answered here</source>
        <translation>hier beantwortet</translation>
    </message>
    <message>
        <source>Requests that this computer has answered since the node started</source>
        <translation>Anfragen, die dieser Rechner beantwortet hat, seit der Knoten läuft</translation>
    </message>
    <message>
        <source>under way</source>
        <translation>in Arbeit</translation>
    </message>
    <message>
        <source>Requests that are being worked on at this moment</source>
        <translation>Anfragen, an denen gerade gearbeitet wird</translation>
    </message>
    <message>
        <source>services ready</source>
        <translation>Dienste bereit</translation>
    </message>
    <message>
        <source>Services that run here and can take requests</source>
        <translation>Dienste, die hier laufen und Anfragen annehmen können</translation>
    </message>
</context>
</TS>
